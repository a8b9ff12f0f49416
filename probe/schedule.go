package probe

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a probe runs: a cron expression of 5 or 6 fields, a descriptor such as @hourly, or @every with a duration;
// CRON_TZ=Zone in front fixes the time zone. See https://pkg.go.dev/github.com/robfig/cron/v3 for the syntax.
type Schedule struct {
	text   string
	cron   cron.Schedule
	every  time.Duration // of @every, else 0
	offset time.Duration // phase inside every
}

// ParseSchedule reads an expression. @every takes at least one second... (see schedule owner)
func ParseSchedule(text string) (Schedule, error) {
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	s := Schedule{text: text, cron: parsed}
	if every, ok := parsed.(cron.ConstantDelaySchedule); ok {
		s.every = every.Delay
	}
	return s, nil
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
// evenly over it and keep their place over restarts and reloads.
func (s Schedule) For(name string) Schedule {
	if s.every > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))
		s.offset = time.Duration(h.Sum64() % uint64(s.every))
	}
	return s
}

// Next returns the first intended time after t; zero when there is none.
func (s Schedule) Next(t time.Time) time.Time {
	if s.every == 0 {
		return s.cron.Next(t)
	}
	since := t.Sub(time.Unix(0, 0)) - s.offset
	return time.Unix(0, 0).In(t.Location()).Add(since - since%s.every + s.every + s.offset)
}

// Interval returns the time between the next two intended times after t: what a watcher may wait for.
func (s Schedule) Interval(t time.Time) time.Duration {
	next := s.Next(t)
	return s.Next(next).Sub(next)
}

// IsZero reports whether there is no schedule.
func (s Schedule) IsZero() bool { return s.cron == nil }

// String returns the expression as it was written.
func (s Schedule) String() string { return s.text }

// MarshalText returns the expression as it was written.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText reads an expression; see [ParseSchedule].
func (s *Schedule) UnmarshalText(text []byte) error {
	parsed, err := ParseSchedule(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
