package probe

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a probe runs: a cron expression of 5 or 6 fields (the first of 6 are seconds), a descriptor such as
// @hourly, or @every with a duration; CRON_TZ=Zone in front fixes the time zone.
// See https://pkg.go.dev/github.com/robfig/cron/v3 for the syntax.
//
// When clocks are set forward, times of day that do not exist are skipped. When they are set back, a time of day that is
// named (30 2 * * *) comes once, and what recurs within the hour or every hour goes on. @every knows no time zones and
// goes on evenly.
type Schedule struct {
	text   string
	cron   cron.Schedule
	every  time.Duration // of @every, else 0
	offset time.Duration // phase inside every
}

// shortestInterval is the least that @every may ask for.
const shortestInterval = time.Second

// ParseSchedule reads an expression. One that never comes true, such as 30 February, is an error.
func ParseSchedule(text string) (s Schedule, err error) {
	defer func() { // the library panics on some texts, such as a time zone without fields
		if recover() != nil {
			err = fmt.Errorf("%q is no schedule: %s", text, scheduleHelp)
		}
	}()
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is no schedule (%w): %s", text, err, scheduleHelp)
	}
	s = Schedule{text: text, cron: parsed}
	if _, constant := parsed.(cron.ConstantDelaySchedule); constant {
		s.every, err = parseEvery(text)
		return s, err
	}
	// The library looks five years ahead; from a leap year on, that finds every date there is.
	if parsed.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never comes true: no such date is in the calendar", text)
	}
	return s, nil
}

const scheduleHelp = `write five fields (minute, hour, day, month, weekday) such as "*/5 8-20 * * 1-5", or "@every 30s"`

// parseEvery reads the duration itself, since the library rounds it to whole seconds.
func parseEvery(text string) (time.Duration, error) {
	_, duration, _ := strings.Cut(text, "@every ")
	every, err := time.ParseDuration(strings.TrimSpace(duration))
	if err != nil || every < shortestInterval {
		return 0, fmt.Errorf("%q is too often: an interval is at least %v", text, shortestInterval)
	}
	return every, nil
}

// MustSchedule is ParseSchedule for texts known to be right; it panics on any other.
func MustSchedule(text string) Schedule {
	s, err := ParseSchedule(text)
	if err != nil {
		panic(err)
	}
	return s
}

// For returns the schedule with the phase that belongs to a probe's name, so that probes of one interval are spread
// evenly over it and keep their place over restarts and reloads. A cron expression has no phase: it says when.
func (s Schedule) For(name string) Schedule {
	if s.every > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))                          // a hash never fails
		s.offset = time.Duration(h.Sum64() % uint64(s.every)) //nolint:gosec // less than every, which fits
	}
	return s
}

// Next returns the first intended time after t, by the wall clock.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.Round(0)
	if s.every == 0 {
		next := s.cron.Next(t)
		for s.repeated(next) {
			next = s.cron.Next(next)
		}
		return next
	}
	past := (t.Sub(time.Unix(0, 0)) - s.offset) % s.every
	if past < 0 {
		past += s.every
	}
	return t.Add(s.every - past)
}

// repeated reports whether t is a named time of day that has already come that day, before clocks were set back. The
// library gives it twice.
func (s Schedule) repeated(t time.Time) bool {
	spec, ok := s.cron.(*cron.SpecSchedule)
	const star = 1 << 63 // set by the library for *, beside the hours
	if !ok || t.IsZero() || bits.OnesCount64(spec.Hour&^star) == 24 || bits.OnesCount64(spec.Minute) != 1 || bits.OnesCount64(spec.Second) != 1 {
		return false
	}
	if spec.Location != time.Local {
		t = t.In(spec.Location)
	}
	const longest = 3 * time.Hour // more than clocks are ever set back by
	_, offset := t.Zone()
	_, before := t.Add(-longest).Zone()
	first := t.Add(time.Duration(offset-before) * time.Second)
	_, atFirst := first.Zone()
	return before > offset && atFirst == before
}

// countedAtMost bounds how many times of a cron expression are counted one by one: a week of minutes. What a clock that is set
// years ahead leaves out beyond that is estimated, since nobody may wait for the counting.
const countedAtMost = 7 * 24 * 60

// Between returns how many intended times lie after from and not after until. Beyond a week of minutes it is an estimate.
func (s Schedule) Between(from, until time.Time) int {
	if s.every > 0 {
		first := s.Next(from)
		if first.After(until) {
			return 0
		}
		return 1 + int(until.Round(0).Sub(first)/s.every)
	}
	n := 0
	for t := s.Next(from); !t.IsZero() && !t.After(until); t = s.Next(t) {
		if n++; n == countedAtMost {
			return n + int(float64(n)*float64(until.Sub(t))/float64(t.Sub(from)))
		}
	}
	return n
}

// Tally counts the intended times of many probes. Those that share a cron expression share its times, and are counted once.
type Tally map[tallied]int

type tallied struct {
	cron        string
	from, until int64
}

// Between is as [Schedule.Between].
func (c Tally) Between(s Schedule, from, until time.Time) int {
	if s.every > 0 {
		return s.Between(from, until)
	}
	key := tallied{s.text, from.UnixNano(), until.UnixNano()}
	n, known := c[key]
	if !known {
		n = s.Between(from, until)
		c[key] = n
	}
	return n
}

// IsZero reports whether there is no schedule.
func (s Schedule) IsZero() bool { return s.cron == nil }

// Equal reports whether two schedules have the same intended times.
func (s Schedule) Equal(other Schedule) bool { return s.text == other.text && s.offset == other.offset }

// String returns the expression as it was written.
func (s Schedule) String() string { return s.text }

// MarshalText returns the expression as it was written.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText reads an expression; see [ParseSchedule].
func (s *Schedule) UnmarshalText(text []byte) error {
	parsed, err := ParseSchedule(string(text))
	if err != nil {
		return errors.New(strings.TrimSpace(err.Error()))
	}
	*s = parsed
	return nil
}
