package probe

import (
	"context"
	"crypto/tls"
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
