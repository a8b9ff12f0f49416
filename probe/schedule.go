package probe

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a probe runs: a cron expression of 5 or 6 fields (the first of 6 are seconds), a descriptor such as
// @hourly, or @every with a duration; CRON_TZ=Zone in front fixes the time zone.
// See https://pkg.go.dev/github.com/robfig/cron/v3 for the syntax.
//
// Without CRON_TZ it uses the time zone of the machine. schedule_clock.go says what happens when clocks change. @every has no time
// zone and runs at even intervals.
type Schedule struct {
	text   string
	cron   cron.Schedule
	wall   cron.Schedule  // the cron expression for clocks that are never set forward or back; nil for @every
	zone   *time.Location // of the cron expression
	fixed  bool           // the cron expression names times of day; see schedule_clock.go
	every  time.Duration  // of @every, else 0
	offset time.Duration  // phase inside every
}

// shortestInterval is the least that @every may ask for.
const shortestInterval = time.Second

// ParseSchedule reads an expression. An expression that never occurs, such as 30 February, is an error.
func ParseSchedule(text string) (s Schedule, err error) {
	defer func() { // the library panics on some texts, such as a time zone without fields
		if recover() != nil {
			err = fmt.Errorf("%q is not a schedule: %s", text, scheduleHelp)
		}
	}()
	if every, ok, err := parseEvery(text); ok {
		return Schedule{text: text, cron: cron.ConstantDelaySchedule{Delay: every}, every: every}, err
	}
	if err := cmp.Or(checkZone(text), checkSteps(text)); err != nil {
		return Schedule{}, err
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(sundays(text))
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is not a schedule (%w): %s", text, err, scheduleHelp)
	}
	s = Schedule{text: text, cron: parsed}
	if spec, ok := parsed.(*cron.SpecSchedule); ok {
		wall := *spec
		wall.Location = time.UTC
		s.wall, s.zone, s.fixed = &wall, spec.Location, namesTimes(text, spec)
	}
	// The library searches five years ahead. From a leap year on, that finds every date.
	if s.wall.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never occurs: the calendar has no such date", text)
	}
	return s, nil
}

const scheduleHelp = `write five fields (minute, hour, day, month, weekday) such as "*/5 8-20 * * 1-5", or "@every 30s"`

// MustSchedule is ParseSchedule for texts known to be right; it panics on any other.
func MustSchedule(text string) Schedule {
	s, err := ParseSchedule(text)
	if err != nil {
		panic(err)
	}
	return s
}

// For returns the schedule with the phase that belongs to a probe's name, so that probes of one interval are spread
// evenly over it and keep their place over restarts and reloads. A cron expression has no phase.
func (s Schedule) For(name string) Schedule {
	if s.every > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name)) // a hash never fails
		s.offset = time.Duration(h.Sum64() % uint64(s.every))
	}
	return s
}

// Next returns the first intended time after t, by the wall clock; zero for none.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.Round(0)
	if s.every == 0 {
		return s.nextCron(t)
	}
	past := (t.Sub(time.Unix(0, 0)) - s.offset) % s.every
	if past < 0 {
		past += s.every
	}
	return t.Add(s.every - past)
}

// Last returns the last intended time after from and not after until; zero for none.
func (s Schedule) Last(from, until time.Time) time.Time {
	last := s.Next(from)
	if last.IsZero() || last.After(until) {
		return time.Time{}
	}
	// A later intended time can only lie between last and end. Halving that range is quick for any number of times.
	for end := until; end.After(last); {
		middle := last.Add(end.Sub(last) / 2)
		if next := s.Next(middle); !next.IsZero() && !next.After(end) {
			last = next
		} else {
			end = middle
		}
	}
	return last
}

// countedAtMost is how many times of a cron expression are counted one by one: a week of minutes. Beyond that the number is estimated,
// because probing waits for the count, for example after the clock was set years ahead.
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

// Tally counts the intended times of many probes. Probes with the same cron expression are counted once.
type Tally map[tallied]int

type tallied struct {
	cron        string
	from, until int64
}

// Between is like [Schedule.Between].
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
