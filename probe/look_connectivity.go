package probe

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe/blame"
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

// downMaxAge is how long the address counts as down after a check that failed. In an outage many runs ask at the same time.
const downMaxAge = 5 * time.Second

// connectivityLook is the look that checks whether the address can be reached.
type connectivityLook struct {
	address string // empty when not configured
	dial    dialFunc
	checks  memo[error] // why the address could not be reached; nil when it could
}

// wanted reports whether the check helps: an address is configured, and the run got no complete answer. It does not help when squarewatch
// itself ran out of something (blame.Shortage), or when access was granted.
func (c *connectivityLook) wanted(x *run, o *blame.Observation) bool {
	return c.address != "" && x.result.Class.IsTransport() && o.Outcome != blame.Shortage && o.Outcome != blame.Granted
}

// ask fills Connectivity. A check that passed is used again only if it ended less than a second ago, or ran since the last attempt began:
// an older one says nothing about the run. One that failed is used for downMaxAge. When the name of the address cannot be resolved, the
// check says nothing about the network; the look at the resolver covers that.
func (c *connectivityLook) ask(ctx context.Context, x *run, o *blame.Observation) []Look {
	checked, asked := c.checks.ask(ctx, c.address, func(last seen[error]) bool {
		return last.what != nil && time.Since(last.end) < downMaxAge || last.isFresh(x)
	}, c.check)
	if !checked.end.IsZero() && !isShortage(checked.what) && !isDNS(checked.what) {
		o.Connectivity = blame.Check{At: checked.end, Passed: checked.what == nil, What: c.address}
	}
	if !asked {
		return nil
	}
	look := Look{
		Kind: LookConnectivity, Start: checked.start, End: checked.end, Passed: checked.what == nil, Text: c.address + " accepted a connection",
	}
	if checked.what != nil {
		look.Text = c.address + " cannot be reached: " + x.job.runner.secrets.Error(checked.what)
	}
	return []Look{look}
}

// check dials the address.
func (c *connectivityLook) check(ctx context.Context) error {
	conn, err := c.dial(ctx, "tcp", c.address)
	if err == nil {
		_ = conn.Close()
	}
	return err
}
