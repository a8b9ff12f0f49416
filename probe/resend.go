package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const (
	resendAfter = time.Second     // how long a DNS server may take before it gets a query again
	serverTime  = 2 * time.Second // how long a server of the system may take before the next one is asked
)

// newResolver returns a resolver that asks a DNS server, or those of the system if address is empty. A query over UDP is sent again
// each second. Package net would wait five seconds for one lost datagram, and all look-ups of the same name wait together: see
// lookupGroup in https://github.com/golang/go/blob/master/src/net/lookup.go and defaults in src/net/dnsconfig_unix.go. RFC 1035, section
// 4.2.1, leaves the interval to the client. If the system has several servers, one that does not answer leaves time for the others.
// control may refuse the sockets; nil refuses none.
func newResolver(address string, control controlFunc) *resolver {
	limit := serverTime
	if address != "" { // there is no other
		limit = 0
	}
	dial := func(ctx context.Context, network, system string) (net.Conn, error) {
		if address != "" {
			system = address
		}
		conn, err := (&net.Dialer{Control: control}).DialContext(ctx, network, system)
		if udp, ok := conn.(*net.UDPConn); ok && err == nil {
			return &queryConn{UDPConn: udp, after: resendAfter, limit: limit}, nil
		}
		return conn, err
	}
	return &resolver{server: address, system: &net.Resolver{PreferGo: address != "", Dial: dial}}
}

// queryConn is a connection to a DNS server that sends its last query again until an answer comes.
type queryConn struct {
	*net.UDPConn

	after time.Duration
	limit time.Duration // to wait for an answer, if that is before the deadline; 0 for none

	mu       sync.Mutex
	query    []byte
	deadline time.Time // zero for none
}

// SetDeadline sets the time until which the connection waits for an answer.
func (c *queryConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most := time.Now().Add(c.limit); c.limit > 0 && t.After(most) {
		t = most
	}
	c.deadline = t
	return c.UDPConn.SetDeadline(t)
}

// Write sends a query.
func (c *queryConn) Write(query []byte) (int, error) {
	c.mu.Lock()
	c.query = append([]byte(nil), query...)
	c.mu.Unlock()
	return c.UDPConn.Write(query)
}

// Read waits for an answer until the deadline.
func (c *queryConn) Read(answer []byte) (int, error) {
	for {
		c.mu.Lock()
		query, deadline := c.query, c.deadline
		c.mu.Unlock()
		again := time.Now().Add(c.after)
		last := !deadline.IsZero() && !deadline.After(again)
		if last {
			again = deadline
		}
		if err := c.SetReadDeadline(again); err != nil {
			return 0, err
		}
		n, err := c.UDPConn.Read(answer)
		if last || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if _, err := c.UDPConn.Write(query); err != nil {
			return 0, err
		}
	}
}
