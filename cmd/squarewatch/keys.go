package main

import (
	"context"
	"sync/atomic"
	"time"

	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/database"
)

// keyInterval is how often the daemon compares the API keys with those of the configuration, which a reload may change.
const keyInterval = 10 * time.Second

// keyAges holds since when each API key is in use, by its credential.
type keyAges struct {
	since atomic.Pointer[map[string]time.Time]
}

// get returns the ages; none before the database is open.
func (k *keyAges) get() map[string]time.Time {
	if since := k.since.Load(); since != nil {
		return *since
	}
	return nil
}

// watchKeys finds out since when each API key is in use, at the start and after every reload, until ctx ends. A disk that hangs delays
// nothing else.
func (d *Daemon) watchKeys(ctx context.Context) {
	var noted *config.Config
	for {
		if cfg, o := d.config(), d.state.opened.Load(); o != nil && cfg != noted {
			var since map[string]time.Time
			call := database.Go(func() (err error) {
				since, err = o.history.KeysSince(ctx, keysOf(cfg), time.Now())
				return err
			})
			select {
			case <-ctx.Done():
				return
			case <-call.Done():
			}
			if err := call.Wait(0); err == nil {
				d.keys.since.Store(&since)
				noted = cfg
			} else {
				d.options.Logger.WarnContext(ctx, "the age of an API key is not known; squarewatch tries again", "error", err)
			}
		}
		if !sleepUntil(ctx, time.Now().Add(keyInterval)) {
			return
		}
	}
}

// keysOf returns the API keys of a configuration by their credential.
func keysOf(cfg *config.Config) map[string]string {
	keys := map[string]string{}
	for name, credential := range cfg.Credentials {
		if settings, ok := credential.Settings.(probe.APIKeySettings); ok {
			keys[name] = settings.APIKey.Reveal()
		}
	}
	return keys
}

// keyJSON is an API key in the status.
type keyJSON struct {
	Credential string    `json:"credential"`
	Since      time.Time `json:"since"` // when the daemon first used this key
}

// keyList returns the keys in the order of their credentials.
func keyList(since map[string]time.Time) []keyJSON {
	list := make([]keyJSON, 0, len(since))
	for _, name := range sortedKeys(since) {
		list = append(list, keyJSON{Credential: name, Since: since[name].UTC()})
	}
	return list
}
