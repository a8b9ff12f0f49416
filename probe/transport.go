package probe

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
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
	dial := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	if options.Dial != nil {
		dial = traced(options.Dial)
	}
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      connection == Fresh,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// traced makes a dial function report itself to httptrace, as net.Dialer does.
func traced(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		trace := httptrace.ContextClientTrace(ctx)
		if trace != nil && trace.ConnectStart != nil {
			trace.ConnectStart(network, address)
		}
		conn, err := dial(ctx, network, address)
		if trace != nil && trace.ConnectDone != nil {
			if err == nil {
				address = conn.RemoteAddr().String()
			}
			trace.ConnectDone(network, address, err)
		}
		return conn, err
	}
}
