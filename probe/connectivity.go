package probe

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"squarewatch/config/setting"
)

// Connectivity names an address that is nearly always reachable. If neither it nor the target can be reached, our own network
// is at fault.
type Connectivity struct {
	Address string `yaml:"address,omitempty"` // host:port that accepts TCP connections, for example 1.1.1.1:53
}

// Validate reports what is wrong with the settings, as [setting.Invalid].
func (c Connectivity) Validate() error {
	if c.Address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Address)
	if number, notNumber := strconv.ParseUint(port, 10, 16); err != nil || host == "" || notNumber != nil || number == 0 {
		return &setting.Invalid{
			Field: "address", Problem: fmt.Sprintf("is %q", c.Address),
			Fix: "write an address and a port that accept TCP connections, for example 1.1.1.1:53",
		}
	}
	return nil
}

const (
	// connectivityTimeout is how long the address may take to accept a connection.
	connectivityTimeout = 2 * time.Second
	// connectivityMaxAge is how long the result of a check is used again. In an outage many runs ask at once.
	connectivityMaxAge = 5 * time.Second
)

// connectivity checks whether the address can be reached. At most one check runs at a time.
type connectivity struct {
	address string
	dial    dialFunc

	mu       sync.Mutex
	checking chan struct{} // closed when the running check has ended; nil when none runs
	checked  time.Time     // end of the last check
	down     bool          // result of the last check
}

// isDown reports whether the address cannot be reached. It waits for a check that already runs. If ctx ends first it returns
// false.
func (c *connectivity) isDown(ctx context.Context) bool {
	c.mu.Lock()
	if !c.checked.IsZero() && time.Since(c.checked) < connectivityMaxAge {
		defer c.mu.Unlock()
		return c.down
	}
	if c.checking == nil {
		c.checking = make(chan struct{})
		c.mu.Unlock()
		return c.check(ctx)
	}
	ended := c.checking
	c.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

// check dials the address. It ignores the end of ctx, because a stop of squarewatch must not look like a network that is down.
func (c *connectivity) check(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectivityTimeout)
	defer cancel()
	conn, err := c.dial(ctx, "tcp", c.address)
	if err == nil {
		_ = conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down, c.checked = err != nil, time.Now()
	close(c.checking)
	c.checking = nil
	return c.down
}

// blameNetwork sets BlameNetwork on a result without an answer if our own network is down. A breach is never blamed on the
// network.
func (r *Runner) blameNetwork(ctx context.Context, result *Result) {
	if r.connectivity == nil || result.Expected || result.Breach || result.Blame.Ours() || !result.Class.IsTransport() {
		return
	}
	if ctx.Err() != nil || !r.connectivity.isDown(ctx) {
		return
	}
	result.Blame = BlameNetwork
	result.Reason += "; " + r.connectivity.address + " cannot be reached either, so our own network is at fault"
}
