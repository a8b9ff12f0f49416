package aisquaretest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// Pipe serves a handler over connections in memory, for synctest bubbles. With a real socket the time in a bubble does not advance.
type Pipe struct {
	*PipeListener

	server  *http.Server
	serving sync.WaitGroup
}

// NewPipe starts to serve. The caller shuts it down inside the same bubble.
func NewPipe(handler http.Handler) *Pipe {
	p := &Pipe{
		PipeListener: NewPipeListener(),
		server:       &http.Server{Handler: handler}, //nolint:gosec // only the test can reach a connection in memory
	}
	p.serving.Go(func() { _ = p.server.Serve(p) }) // always returns http.ErrServerClosed
	return p
}

// Shutdown closes the listener and every connection, and waits for the server to end.
func (p *Pipe) Shutdown() {
	_ = p.server.Close()
	p.serving.Wait()
}

// PipeListener is a net.Listener whose connections are made in memory.
type PipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*PipeListener)(nil)

// NewPipeListener returns a listener for any server.
func NewPipeListener() *PipeListener {
	return &PipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to the listener and ignores the address. It can be used as http.Transport.DialContext, and reports to httptrace
// like net.Dialer.
func (p *PipeListener) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart(network, address)
	}
	conn, err := p.connect(ctx)
	if trace != nil && trace.ConnectDone != nil {
		trace.ConnectDone(network, address, err)
	}
	return conn, err
}

func (p *PipeListener) connect(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept is part of net.Listener.
func (p *PipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Addr is part of net.Listener.
func (p *PipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// Close is part of net.Listener.
func (p *PipeListener) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}
