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

// Connectivity names something beside the target that is always there: when it cannot be reached either, the fault is ours.
type Connectivity struct {
	Address string `yaml:"address,omitempty"` // host:port that takes TCP connections, for example 1.1.1.1:53
}

// Validate reports what is wrong with the settings.
func (c Connectivity) Validate() error {
	if c.Address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Address)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || number == 0 {
		return &setting.Invalid{Field: "address", Problem: fmt.Sprintf("is %q", c.Address), Fix: "write an address and a port that take TCP connections, for example 1.1.1.1:53"}
	}
	return nil
}

const (
	// connectivityPatience is how long the address may take to answer.
	connectivityPatience = 2 * time.Second
	// connectivityKept is how long an answer holds: an outage makes many runs ask at once.
	connectivityKept = 5 * time.Second
)

// connectivity asks whether the address can be reached, once at a time, whoever wants to know.
type connectivity struct {
	address string
	dial    dialFunc

	mu     sync.Mutex
	asking chan struct{} // closed when the answer is there; nil while nobody asks
	asked  time.Time
	down   bool
}

// isDown reports whether the address cannot be reached. It waits for the answer that somebody else asks for already.
func (c *connectivity) isDown(ctx context.Context) bool {
	c.mu.Lock()
	if !c.asked.IsZero() && time.Since(c.asked) < connectivityKept {
		defer c.mu.Unlock()
		return c.down
	}
	if c.asking == nil {
		c.asking = make(chan struct{})
		c.mu.Unlock()
		return c.ask(ctx)
	}
	answered := c.asking
	c.mu.Unlock()
	select {
	case <-answered:
	case <-ctx.Done():
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

// ask dials, and gives the answer to all who wait. Our own stop must not look like a network that is down.
func (c *connectivity) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectivityPatience)
	defer cancel()
	conn, err := c.dial(ctx, "tcp", c.address)
	if err == nil {
		_ = conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down, c.asked = err != nil, time.Now()
	close(c.asking)
	c.asking = nil
	return c.down
}

// attribute says of a result without an answer whether our own network is to blame. It never is for a door that stands open.
func (r *Runner) attribute(ctx context.Context, result *Result) {
	if r.connectivity == nil || result.Expected || result.Breach || !result.Class.IsTransport() || ctx.Err() != nil || !r.connectivity.isDown(ctx) {
		return
	}
	result.Blame = BlameNetwork
	result.Reason += "; neither can " + r.connectivity.address + " be reached: it is our own network"
}
