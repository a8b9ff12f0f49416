package probe

import (
	"errors"
	"strconv"

	"golang.org/x/time/rate"

	"squarewatch/config/setting"
)

// Limits keep probing from overrunning the machine or the target.
type Limits struct {
	Concurrency int `yaml:"concurrency,omitempty"` // runs at the same time
	PerHost     int `yaml:"per_host,omitempty"`    // of them to one host and port

	Rate float64 `yaml:"rate,omitempty"` // requests in a second; 0 for as many as are due
}

// DefaultLimits returns the limits of a file that has none: 256 runs at once, 64 of them to one host.
func DefaultLimits() Limits { return Limits{Concurrency: 256, PerHost: 64} }

// Validate reports what is wrong with the limits.
func (l Limits) Validate() error {
	var faults []error
	if l.Concurrency < 1 {
		faults = append(faults, &setting.Invalid{Field: "concurrency", Problem: "is " + strconv.Itoa(l.Concurrency), Fix: "write how many runs may go on at once, for example 256"})
	}
	if l.PerHost < 1 {
		faults = append(faults, &setting.Invalid{Field: "per_host", Problem: "is " + strconv.Itoa(l.PerHost), Fix: "write how many runs may go on at once to one host, for example 64"})
	}
	if l.Rate < 0 {
		faults = append(faults, &setting.Invalid{Field: "rate", Problem: "is " + strconv.FormatFloat(l.Rate, 'g', -1, 64), Fix: "write how many requests may be sent in a second, or 0 for as many as are due"})
	}
	return errors.Join(faults...)
}

// pacer returns what makes runs wait for their turn; nil without a rate. A tenth of a second's runs may start together. The one
// before goes on if its rate is the same, so that a reload does not begin with more.
func (l Limits) pacer(before *rate.Limiter) *rate.Limiter {
	switch {
	case l.Rate == 0:
		return nil
	case before != nil && before.Limit() == rate.Limit(l.Rate):
		return before
	}
	return rate.NewLimiter(rate.Limit(l.Rate), max(1, int(l.Rate/10)))
}

// slots counts the runs that go on and keeps those that wait for their turn, host by host, so that a host whose runs
// hang holds up no other. The dispatcher's lock guards it.
type slots struct {
	limits  Limits
	running int
	hosts   map[string]*host
}

// host is what goes on at one host.
type host struct {
	running int
	waiting []*item // in their order
}

func newSlots(limits Limits) *slots { return &slots{limits: limits, hosts: map[string]*host{}} }

func (s *slots) host(name string) *host {
	h := s.hosts[name]
	if h == nil {
		h = &host{}
		s.hosts[name] = h
	}
	return h
}

// take gives an item a slot; false when it has to wait.
func (s *slots) take(it *item) bool {
	h := s.host(it.Host)
	if s.running >= s.limits.Concurrency || h.running >= s.limits.PerHost {
		return false
	}
	s.running++
	h.running++
	return true
}

// wait puts an item at the end of its host's queue.
func (s *slots) wait(it *item) {
	h := s.host(it.Host)
	h.waiting = append(h.waiting, it)
}

// release gives an item's slot back and returns the item that has waited longest and now has one, if any.
func (s *slots) release(it *item) *item {
	s.running--
	s.host(it.Host).running--
	var longest *host
	for _, h := range s.hosts {
		if len(h.waiting) > 0 && h.running < s.limits.PerHost &&
			(longest == nil || h.waiting[0].intended.Before(longest.waiting[0].intended)) {
			longest = h
		}
	}
	if longest == nil {
		return nil
	}
	next := longest.waiting[0]
	longest.waiting = longest.waiting[1:]
	s.running++
	longest.running++
	return next
}

// drop empties all queues and returns what waited in them.
func (s *slots) drop() []*item {
	var dropped []*item
	for _, h := range s.hosts {
		dropped = append(dropped, h.waiting...)
		h.waiting = nil
	}
	return dropped
}
