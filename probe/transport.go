package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Limits of one answer. A larger answer is a ProtocolError.
const (
	maxBody        = 1 << 20   // bytes, decompressed
	maxHeaderBytes = 256 << 10 // bytes
)

// dialFunc makes a connection, like net.Dialer.DialContext.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// controlFunc is called with each new socket before it connects, like Control of net.Dialer. An error refuses the socket.
type controlFunc func(network, address string, socket syscall.RawConn) error

// transports are the two kinds of transports that one set of options needs.
type transports struct {
	fresh freshTransports
	kept  keptTransports
}

func newTransports(options RunnerOptions, http1 bool) transports {
	options.HTTP1 = http1
	return transports{
		fresh: freshTransports{options: &options},
		kept:  keptTransports{options: &options, users: map[*http.Transport]int{}},
	}
}

// freshTransports provides each exchange with a transport that no other exchange uses at the same time. With a shared
// transport, HTTP/2 exchanges that start together would use one connection, and their phases would be wrong.
type freshTransports struct {
	options *RunnerOptions

	mu   sync.Mutex
	free []*http.Transport
}

// acquire returns a transport for one exchange.
func (f *freshTransports) acquire() *http.Transport {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.free) == 0 {
		return newTransport(f.options, Fresh)
	}
	last := len(f.free) - 1
	transport := f.free[last]
	f.free = f.free[:last]
	return transport
}

// release keeps the transport for another exchange if this one succeeded. After an error it drops the transport: a connection may still be
// established later, and the next exchange must not use that connection.
func (f *freshTransports) release(transport *http.Transport, err error) {
	transport.CloseIdleConnections()
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = append(f.free, transport)
}

// keptTransports provides one transport to all exchanges that reuse connections. After an exchange fails, later ones get a new
// transport and so a new connection: net/http does not detect an HTTP/2 connection that is dead or leads to a server that
// hangs.
type keptTransports struct {
	options *RunnerOptions

	mu      sync.Mutex
	current *http.Transport
	users   map[*http.Transport]int // running exchanges, also of transports that are no longer current
}

// acquire returns the current transport.
func (k *keptTransports) acquire() *http.Transport {
	k.closeUnused()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil {
		k.current = newTransport(k.options, Reuse)
	}
	k.users[k.current]++
	return k.current
}

// release ends the use of a transport. After an error the transport is no longer current, but other exchanges on the same
// connection may still finish.
func (k *keptTransports) release(transport *http.Transport, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users[transport]--
	if err != nil && !errors.Is(err, errTooLarge) && transport == k.current {
		k.current = nil
	}
}

// closeUnused closes the connections of transports that are neither in use nor current. It does not hold the lock meanwhile,
// because closing may take a while.
func (k *keptTransports) closeUnused() {
	for _, transport := range k.takeUnused() {
		transport.CloseIdleConnections()
	}
}

// takeUnused removes the transports that are neither in use nor current, and returns them.
func (k *keptTransports) takeUnused() (all []*http.Transport) {
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

// closeIdle closes the idle connections of all transports.
func (k *keptTransports) closeIdle() {
	k.mu.Lock()
	all := slices.Collect(maps.Keys(k.users))
	k.mu.Unlock()
	for _, transport := range all {
		transport.CloseIdleConnections()
	}
}

// close closes all connections. The last exchange must have ended.
func (k *keptTransports) close() {
	k.mu.Lock()
	k.current = nil
	k.mu.Unlock()
	k.closeUnused()
}

// newTransport returns a transport for one kind of connection.
func newTransport(options *RunnerOptions, connection Connection) *http.Transport {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	idleTimeout := 90 * time.Second
	if connection == Fresh { // a connection that is established after its exchange is not used
		idleTimeout = time.Second
	}
	return &http.Transport{
		Proxy:                  options.Proxy,
		OnProxyConnectResponse: onProxyConnect,
		DialContext:            options.Dial,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      !options.HTTP1,
		DisableKeepAlives:      connection == Fresh,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}
