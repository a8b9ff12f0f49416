package probe_test

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// buffered is a connection with a buffer, as a socket has: Write does not wait for the reader. Both ends of a pipe would wait for each
// other when a client refuses a certificate that it has read in part.
type buffered struct {
	net.Conn

	queue         chan []byte
	closed, ended chan struct{}
	once          sync.Once
}

func newBuffered(conn net.Conn) *buffered {
	b := &buffered{Conn: conn, queue: make(chan []byte, 1000), closed: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		for {
			select {
			case p := <-b.queue:
				_, _ = conn.Write(p) // the reader notices what is missing
			case <-b.closed:
				b.flush()
				return
			}
		}
	}()
	return b
}

// Write is part of net.Conn.
func (b *buffered) Write(p []byte) (int, error) {
	select {
	case b.queue <- bytes.Clone(p):
		return len(p), nil
	case <-b.closed:
		return 0, net.ErrClosed
	}
}

// flush writes what waits.
func (b *buffered) flush() {
	for {
		select {
		case p := <-b.queue:
			_, _ = b.Conn.Write(p)
		default:
			return
		}
	}
}

// Close writes what waits, for a second at most.
func (b *buffered) Close() error {
	b.once.Do(func() {
		_ = b.SetWriteDeadline(time.Now().Add(time.Second))
		close(b.closed)
	})
	<-b.ended
	return b.Conn.Close()
}
