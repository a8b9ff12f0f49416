package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of one answer. What is larger is no answer that a probe can judge.
const (
	maxBody        = 1 << 20   // bytes, decompressed
	maxHeaderBytes = 256 << 10 // bytes
)

// dialFunc makes a connection, as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// freshTransports lends a transport to one exchange at a time. Shared, HTTP/2 would let exchanges that begin together use
// one connection and throw away those that they made, so that none of them were fresh nor their phases true.
type freshTransports struct {
	options *RunnerOptions

	mu   sync.Mutex
	idle []*http.Transport
}

// borrow returns a transport that nobody else uses.
func (f *freshTransports) borrow() *http.Transport {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.idle) == 0 {
		return newTransport(f.options, Fresh)
	}
	last := len(f.idle) - 1
	transport := f.idle[last]
	f.idle = f.idle[:last]
	return transport
}

// giveBack takes a transport whose exchange went well. After any other a connection may still be on its way, which the next
// exchange must not find.
func (f *freshTransports) giveBack(transport *http.Transport, err error) {
	transport.CloseIdleConnections()
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, transport)
}

// keptTransports lends one transport to all exchanges that reuse connections, until one of them fails: those that begin later
// get another one, and with it a connection of their own. An HTTP/2 connection that is dead, or leads to something that
// hangs, looks good to the library for ever.
type keptTransports struct {
	options *RunnerOptions

	mu      sync.Mutex
	current *http.Transport
	users   map[*http.Transport]int // exchanges that go on, the current transport's and those of others that failed
}

// borrow returns the current transport.
func (k *keptTransports) borrow() *http.Transport {
	k.closeUnused()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil {
		k.current = newTransport(k.options, Reuse)
	}
	k.users[k.current]++
	return k.current
}

// giveBack ends a loan. Exchanges that share a connection with one that failed may end in peace.
func (k *keptTransports) giveBack(transport *http.Transport, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users[transport]--
	if err != nil && !errors.Is(err, errTooLarge) && transport == k.current {
		k.current = nil
	}
}

// closeUnused closes the connections of transports that are no longer lent, nor will be. It does so without the lock, as
// closing may take a while.
func (k *keptTransports) closeUnused() {
	for _, transport := range k.unused() {
		transport.CloseIdleConnections()
	}
}

func (k *keptTransports) unused() (all []*http.Transport) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for transport, users := range k.users {
		if transport != k.current && users == 0 {
			all = append(all, transport)
			delete(k.users, transport)
		}
	}
	return all
}

// close closes all connections, when the last exchange has ended.
func (k *keptTransports) close() {
	k.mu.Lock()
	k.current = nil
	k.mu.Unlock()
	k.closeUnused()
}

// newTransport returns the connections of one kind.
func newTransport(options *RunnerOptions, connection Connection) *http.Transport {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	dial := options.Dial
	if dial == nil {
		dial = newDialer().DialContext
	}
	idle := 90 * time.Second
	if connection == Fresh { // what comes too late for its exchange is no use to anybody
		idle = time.Second
	}
	return &http.Transport{
		Proxy:                  options.Proxy,
		DialContext:            dial,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      connection == Fresh,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func newDialer() *net.Dialer { return &net.Dialer{KeepAlive: 30 * time.Second} }
