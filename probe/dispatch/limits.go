package dispatch

import (
	"errors"
	"strconv"

	"squarewatch/config/setting"

	"golang.org/x/time/rate"
)

// Limits protect the machine and the target from too many runs.
type Limits struct {
	Concurrency int `yaml:"concurrency,omitempty"` // runs at the same time
	PerHost     int `yaml:"per_host,omitempty"`    // runs at the same time to one host and port

	Rate float64 `yaml:"rate,omitempty"` // requests per second; 0 for no limit
}

// DefaultLimits returns the limits of a file without any: 256 runs at the same time, 64 of them to one host.
func DefaultLimits() Limits { return Limits{Concurrency: 256, PerHost: 64} }

// Validate reports what is wrong with the limits, as [setting.Invalid], joined.
func (l Limits) Validate() error {
	var faults []error
	if l.Concurrency < 1 {
		faults = append(faults, &setting.Invalid{
			Field: "concurrency", Problem: "is " + strconv.Itoa(l.Concurrency),
			Fix: "write how many runs are allowed at the same time, for example 256",
		})
	}
	if l.PerHost < 1 {
		faults = append(faults, &setting.Invalid{
			Field: "per_host", Problem: "is " + strconv.Itoa(l.PerHost),
			Fix: "write how many runs are allowed at the same time to one host, for example 64",
		})
	}
	if l.Rate < 0 {
		faults = append(faults, &setting.Invalid{
			Field: "rate", Problem: "is " + strconv.FormatFloat(l.Rate, 'g', -1, 64),
			Fix: "write how many requests are allowed per second, or 0 for no limit",
		})
	}
	return errors.Join(faults...)
}

// pacer returns the limiter for the rate; nil without a rate. It lets as many runs start together as the rate allows in a tenth of
// a second, and at least one. A reload with the same rate keeps the old limiter, so that it does not allow another burst.
func (l Limits) pacer(before *rate.Limiter) *rate.Limiter {
	switch {
	case l.Rate == 0:
		return nil
	case before != nil && before.Limit() == rate.Limit(l.Rate):
		return before
	}
	return rate.NewLimiter(rate.Limit(l.Rate), max(1, int(l.Rate/10)))
}

// slots counts the runs in progress and holds those that wait. Each host has its own queue, so that a host that hangs does not
// delay the others. The dispatcher's lock guards slots.
type slots struct {
	limits  Limits
	running int
	hosts   map[string]*host
}

// host holds the runs of one host.
type host struct {
	running int
	waiting []*item // the oldest first
}

func newSlots(limits Limits) *slots { return &slots{limits: limits, hosts: map[string]*host{}} }

// host returns the runs of a host.
func (s *slots) host(name string) *host {
	h := s.hosts[name]
	if h == nil {
		h = &host{}
		s.hosts[name] = h
	}
	return h
}

// acquireLocked gives an item a slot; false if none is free.
func (s *slots) acquireLocked(it *item) bool {
	h := s.host(it.Host)
	if s.running >= s.limits.Concurrency || h.running >= s.limits.PerHost {
		return false
	}
	s.running++
	h.running++
	return true
}

// waitLocked makes an item wait after the other items of its host.
func (s *slots) waitLocked(it *item) {
	h := s.host(it.Host)
	h.waiting = append(h.waiting, it)
}

// releaseLocked frees the slot of an item. It gives it to the item that has waited longest and returns that item; nil if none
// may start.
func (s *slots) releaseLocked(it *item) *item {
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

// dropLocked removes and returns all waiting items.
func (s *slots) dropLocked() []*item {
	var dropped []*item
	for _, h := range s.hosts {
		dropped = append(dropped, h.waiting...)
		h.waiting = nil
	}
	return dropped
}
