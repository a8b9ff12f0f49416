//go:build diagnosis

package diagnosis_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// gateMode is what happens to new connections.
type gateMode int

const (
	gateOpen    gateMode = iota
	gateReset            // they are reset
	gateSilent           // they are accepted, and nothing answers
	gateClosed           // the port is closed
	gateDropped          // nothing answers, not even the handshake of TCP
)

// gate is a listener whose connections can be broken. Its address is its own, so that its port stays free while it is closed.
type gate struct {
	address string

	mu     sync.Mutex
	rng    *rand.Rand
	mode   gateMode
	share  float64 // of the connections that a mode meets, where it accepts them
	real   net.Listener
	held   []net.Conn
	full   int // descriptor of a socket whose queue is full; 0 for none
	passed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newGate(address string, rng *rand.Rand) (*gate, error) {
	g := &gate{address: address, rng: rng, share: 1, passed: make(chan net.Conn), closed: make(chan struct{})}
	return g, g.open()
}

// open begins to listen.
func (g *gate) open() error {
	l, err := net.Listen("tcp", g.address)
	if err != nil {
		return err
	}
	g.real = l
	go g.run(l)
	return nil
}

// run accepts connections until the listener is closed.
func (g *gate) run(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !g.admits(conn) {
			continue
		}
		select {
		case g.passed <- conn:
		case <-g.closed:
			_ = conn.Close()
			return
		}
	}
}

// admits reports whether a connection reaches the server.
func (g *gate) admits(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mode == gateOpen || g.rng.Float64() >= g.share {
		return true
	}
	if tcp, ok := conn.(*net.TCPConn); ok && g.mode == gateReset {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	} else {
		g.held = append(g.held, conn)
	}
	return false
}

// set changes what happens to new connections. Those that it holds already stay as they are.
func (g *gate) set(mode gateMode, share float64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mode, g.share = mode, share
	if mode != gateDropped && g.full > 0 {
		_ = syscall.Close(g.full)
		g.full = 0
	}
	shut := mode == gateClosed || mode == gateDropped
	if shut && g.real != nil {
		if mode == gateDropped {
			g.hold()
		}
		_ = g.real.Close()
		g.real = nil
	}
	switch {
	case mode == gateDropped:
		return g.fill()
	case !shut && g.real == nil:
		return g.open()
	}
	return nil
}

// release closes what a mode holds.
func (g *gate) release() {
	for _, conn := range g.held {
		_ = conn.Close()
	}
	g.held = nil
	if g.full > 0 {
		_ = syscall.Close(g.full)
		g.full = 0
	}
}

// hold accepts the connections that wait, and keeps them. Linux resets them when their listener closes, and a link that goes does not.
func (g *gate) hold() {
	tcp, ok := g.real.(*net.TCPListener)
	if !ok {
		return
	}
	_ = tcp.SetDeadline(time.Now().Add(20 * time.Millisecond))
	for {
		conn, err := tcp.Accept()
		if err != nil {
			return
		}
		g.held = append(g.held, conn)
	}
}

// fill listens with a queue that is full, so that the kernel drops every further handshake (tcp(7), listen(2)).
func (g *gate) fill() error {
	address, err := net.ResolveTCPAddr("tcp4", g.address)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	g.full = fd
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	to := &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
	if err := errors.Join(syscall.Bind(fd, to), syscall.Listen(fd, 0)); err != nil {
		return fmt.Errorf("listen on %s with a short queue: %w", g.address, err)
	}
	for range 8 {
		conn, err := net.DialTimeout("tcp", g.address, 200*time.Millisecond)
		if err != nil {
			return nil //nolint:nilerr // the queue is full, as wanted
		}
		g.held = append(g.held, conn)
	}
	return fmt.Errorf("%s accepts connections although its queue should be full", g.address)
}

// Accept is part of net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case conn := <-g.passed:
		return conn, nil
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (g *gate) Close() error {
	g.once.Do(func() {
		close(g.closed)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.release()
		if g.real != nil {
			_ = g.real.Close()
		}
	})
	return nil
}

// Addr is part of net.Listener.
func (g *gate) Addr() net.Addr {
	address, err := net.ResolveTCPAddr("tcp", g.address)
	if err != nil {
		return &net.TCPAddr{}
	}
	return address
}
