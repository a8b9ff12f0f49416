package probe

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Limits of one answer. What is larger is no answer that a probe can judge.
const (
	maxBody        = 1 << 20   // bytes, decompressed
	maxHeaderBytes = 256 << 10 // bytes
)

// dialFunc makes a connection, as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// newTransport returns the connections of one kind; all probes of that kind share them.
func newTransport(options *RunnerOptions, connection Connection) *http.Transport {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	dial := options.Dial
	if dial == nil {
		dial = newDialer().DialContext
	}
	return &http.Transport{
		Proxy:                  options.Proxy,
		DialContext:            dial,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      connection == Fresh,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func newDialer() *net.Dialer { return &net.Dialer{KeepAlive: 30 * time.Second} }
