package probe

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
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

// downMaxAge is how long the address counts as down after a check that failed. In an outage many runs ask at once.
const downMaxAge = 5 * time.Second

// connectivity is the look that checks whether the address can be reached.
type connectivity struct {
	address string // empty when not configured
	dial    dialFunc
	checks  memo[error] // why the address could not be reached; nil when it could

	mu   sync.Mutex
	down outage // the last one
}

// outage is a time in which the address could not be reached, as far as the checks tell.
type outage struct {
	from  time.Time // start of the first check that failed
	seen  time.Time // end of the last check that failed
	until time.Time // start of the first check after it that passed; zero before
}

// overlaps reports whether a time touches the outage.
func (d *outage) overlaps(start, end time.Time) bool {
	until := d.seen.Add(downMaxAge)
	if !d.until.IsZero() && d.until.Before(until) {
		until = d.until
	}
	return !d.seen.IsZero() && start.Before(until) && end.After(d.from)
}

// wanted reports whether a run got no answer. A shortage of our own and a breach need no check.
func (c *connectivity) wanted(x *run, o *blame.Observation) bool {
	return c.address != "" && x.result.Class.IsTransport() && o.Outcome != blame.Shortage && o.Outcome != blame.Granted
}

// take fills Connectivity. A check that passed says nothing about a run that began after it. A run that got no answer while the address
// was down failed for that reason, even if the address is up when the run ends.
func (c *connectivity) take(ctx context.Context, x *run, o *blame.Observation) (looks []Look) {
	began := x.last().Start
	checked, asked := c.checks.ask(ctx, c.address, func(last seen[error]) bool {
		age := time.Since(last.end)
		return age < ownPause || age < downMaxAge && (last.what != nil || !last.start.Before(began))
	}, c.check)
	if asked {
		looks = append(looks, c.look(x, checked))
	}
	if checked.end.IsZero() || isShortage(checked.what) {
		return looks
	}
	o.Connectivity = blame.Check{At: checked.end, Passed: checked.what == nil, What: c.address}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Connectivity.Passed && isSilence(o) && c.down.overlaps(began, x.last().End) {
		o.Connectivity.At, o.Connectivity.Passed = c.down.seen, false
	}
	return looks
}

// isSilence reports whether a run failed because nothing answered. A refused connection or a broken TLS session is an answer.
func isSilence(o *blame.Observation) bool {
	switch o.Outcome { //nolint:exhaustive // the others got an answer
	case blame.NotAnswered:
		return o.Link == blame.LinkNone
	case blame.NotConnected:
		return o.Link == blame.LinkNoAnswer || o.Link == blame.LinkNoRoute
	case blame.NotResolved:
		return o.DNS == blame.DNSNoAnswer || o.DNS == blame.DNSFailed
	}
	return false
}

// check dials the address.
func (c *connectivity) check(ctx context.Context) error {
	start := time.Now()
	conn, err := c.dial(ctx, "tcp", c.address)
	if err == nil {
		_ = conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && c.down.until.IsZero():
		c.down.until = start
	case err == nil, isShortage(err):
	case c.down.seen.IsZero() || !c.down.until.IsZero():
		c.down = outage{from: start, seen: time.Now()}
	default:
		c.down.seen = time.Now()
	}
	return err
}

// look returns a check as it is recorded.
func (c *connectivity) look(x *run, checked seen[error]) Look {
	look := Look{
		Kind: LookConnectivity, Start: checked.start, End: checked.end, Passed: checked.what == nil, Text: c.address + " accepted a connection",
	}
	if checked.what != nil {
		look.Text = c.address + " cannot be reached: " + x.job.runner.secrets.Error(checked.what)
	}
	return look
}
