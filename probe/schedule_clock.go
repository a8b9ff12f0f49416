package probe

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// When clocks are set forward or back, schedules behave as in Vixie cron (the cases "medium" and "negative" in the main loop of
// https://github.com/vixie/cron/blob/master/cron.c). There are two kinds of expression:
//
//   - One that names times of day (30 2 * * *) runs when the gap ends, if clocks skip that time. It runs once, the first time, if clocks
//     show it twice.
//   - One that recurs within the hour or every hour (*/5 2 * * *, 30 * * * *) follows the clock: skipped times are skipped, and
//     repeated times are repeated.
//
// The library by itself skips and repeats all of them ("jobs scheduled during daylight-savings leap-ahead transitions will not be
// run", https://pkg.go.dev/github.com/robfig/cron/v3#hdr-Time_zones).

// longestGap is the longest change of the clock that is taken for one of summer time. Vixie cron has the same bound.
const longestGap = 3 * time.Hour

// star is the bit that the library sets in a field for *, in addition to the values.
const star = 1 << 63

// namesTimes reports whether a cron expression names times of day. As in Vixie cron, one that has a star in a field of the time recurs.
func namesTimes(text string, spec *cron.SpecSchedule) bool {
	fields := strings.Fields(text)
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		fields = fields[1:]
	}
	const dates = 3 // day, month and weekday stand last
	times := fields[:max(len(fields)-dates, 0)]
	wild := slices.ContainsFunc(times, func(field string) bool { return strings.HasPrefix(field, "*") })
	return !wild && bits.OnesCount64(spec.Hour&^star) < hoursADay
}

// nextCron returns the first time of a cron expression after t; zero for none.
func (s Schedule) nextCron(t time.Time) time.Time {
	zone := t.Location()
	// The library reads an expression without a time zone in the zone of t. A stored time is in UTC, which must not
	// change the meaning.
	t = t.Local()
	next := s.follow(t)
	if s.fixed {
		for s.repeated(next) {
			next = s.follow(next)
		}
		next = s.skipped(t, next)
	}
	if next.IsZero() {
		return next
	}
	return next.In(zone)
}

// follow returns the first time after t at which clocks show a time of the expression; zero for none. It asks the library about clocks
// that are never changed, and searches each period between two changes separately: the library steps by whole hours, so that after a
// change by half an hour it misses full hours.
func (s Schedule) follow(t time.Time) time.Time {
	t = s.in(t)
	for wall := wallClock(t); ; wall = wallClock(t).Add(-time.Nanosecond) { // a change may lead to a time of the expression
		next := s.wall.Next(wall)
		if next.IsZero() {
			return next
		}
		_, offset := t.Zone()
		next = next.Add(-time.Duration(offset) * time.Second)
		_, end := t.ZoneBounds()
		if end.IsZero() || next.Before(end) {
			return next
		}
		t = end
	}
}

// wallClock returns what clocks show at t, as a time in UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// in returns t in the time zone of the expression.
func (s Schedule) in(t time.Time) time.Time {
	if s.zone == time.Local {
		return t.Local()
	}
	return t.In(s.zone)
}

// repeated reports whether clocks have shown t already, before they were set back.
func (s Schedule) repeated(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	t = s.in(t)
	_, offset := t.Zone()
	_, before := t.Add(-longestGap).Zone()
	first := t.Add(time.Duration(offset-before) * time.Second)
	_, atFirst := first.Zone()
	return before > offset && atFirst == before
}

// skipped returns the end of the first gap after t and before next in which clocks skip a time of the expression; next for none.
func (s Schedule) skipped(t, next time.Time) time.Time {
	for _, end := s.in(t).ZoneBounds(); !end.IsZero() && end.Before(next); _, end = end.ZoneBounds() {
		_, after := end.Zone()
		_, before := end.Add(-1).Zone()
		gap := time.Duration(after-before) * time.Second
		if gap <= 0 || gap > longestGap || !end.After(t) {
			continue
		}
		from := end.UTC().Add(time.Duration(before) * time.Second)
		if missed := s.wall.Next(from.Add(-1)); !missed.IsZero() && missed.Before(from.Add(gap)) {
			return end
		}
	}
	return next
}
