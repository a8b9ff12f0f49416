package otel

import "sync"

// cacheLimit bounds a cache. Its keys come from the configuration, so that only years of reloads could reach it.
const cacheLimit = 1 << 17

// cache keeps what was made of a key. Sets of attributes are made once and not at every run.
type cache[K comparable, V any] struct {
	mu   sync.RWMutex
	made map[K]V
}

// get returns what was made of key, and makes it the first time.
func (c *cache[K, V]) get(key K, make func(K) V) V {
	c.mu.RLock()
	value, ok := c.made[key]
	c.mu.RUnlock()
	if ok {
		return value
	}
	value = make(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= cacheLimit {
		c.made = map[K]V{}
	}
	c.made[key] = value
	return value
}
