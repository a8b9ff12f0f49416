//go:build e2e

package e2e_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/cronexpr"

	"squarewatch/probe"
)

// cronZones are time zones whose clocks have different habits.
func cronZones() []string {
	return []string{
		"UTC",
		"Europe/Berlin",        // forward from 02:00, back from 03:00
		"Europe/Dublin",        // its winter time is the exception by law, and it changes at 01:00
		"Australia/Lord_Howe",  // by half an hour
		"Africa/Casablanca",    // around Ramadan
		"Pacific/Apia",         // had no 30 December 2011, and changed at other hours
		"America/New_York",     // forward and back at 02:00
		"America/St_Johns",     // until 2011 at one minute past midnight
		"America/Sao_Paulo",    // at midnight: some days begin at 01:00
		"Asia/Tehran",          // at midnight, by the Persian calendar
		"Antarctica/Troll",     // by two hours
		"Asia/Kathmandu",       // 45 minutes off the hour, and no changes
		"America/Punta_Arenas", // no longer changes since 2016
	}
}

// cronHangs is where cronexpr does not return: "17 */3 * * *" in November 2010, when clocks went back from 00:01 to 23:01 of the day
// before.
const cronHangs = "America/St_Johns"

// cronExpressions are expressions, and whether they recur: they have a star in the time, and follow the clock. See docs/probes.md.
func cronExpressions() map[string]bool {
	return map[string]bool{
		"30 2 * * *": false, "0 0 * * *": false, "30 1 * * *": false, "15 2,3 * * *": false, "0 9-17 * * 1-5": false, "0 3 1 * *": false,
		"59 23 31 12 *": false, "0 0 29 2 *": false, "15 14 1,15 * 3": false, "0 12 * * 0": false, "0 0 1-7 1,4,7,10 *": false,
		"17 * * * *": true, "17 */3 * * *": true, "*/10 2 * * *": true, "*/20 1-3 * * 0": true,
	}
}

// cronYears are the ten years of the comparison.
func cronYears(zone *time.Location) (from, until time.Time) {
	return time.Date(2010, 1, 1, 0, 0, 0, 0, zone), time.Date(2020, 1, 1, 0, 0, 0, 0, zone)
}

// aroundChange is how far from a change of the clock a time is affected by it: Vixie cron takes at most three hours for summer time.
const aroundChange = 6 * time.Hour

// TestSchedulesAgreeWithAnotherImplementation compares our times with those of github.com/hashicorp/cronexpr over ten years. Away from
// changes of the clock they must be the same. Around a change they differ, because cronexpr has other rules for it, and mistakes the
// weekday of a day without midnight. There, every minute of the clock is held against our rules, which are Vixie cron's.
func TestSchedulesAgreeWithAnotherImplementation(t *testing.T) {
	instants, differences, checked := 0, 0, 0
	for _, name := range cronZones() {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		changes := clockChanges(zone)
		for text, recurs := range cronExpressions() {
			s, theirs := probe.MustSchedule("CRON_TZ="+name+" "+text), cronexpr.MustParse(text)
			ours := cronTimes(zone, s.Next)
			if name != cronHangs {
				instants += len(ours)
				only := differing(ours, cronTimes(zone, theirs.Next))
				differences += len(only)
				near := func(at time.Time) bool {
					return slices.ContainsFunc(changes, func(c time.Time) bool { return at.Sub(c).Abs() <= 24*time.Hour })
				}
				if far := slices.DeleteFunc(only, near); len(far) > 0 {
					t.Errorf("%s in %s: only one has %v, which are near no change of the clock", text, name, far[:min(len(far), 5)])
				}
			}
			for _, change := range changes {
				checked++
				want := byTheRules(zone, theirs, recurs, change)
				got := slices.DeleteFunc(slices.Clone(ours), func(at time.Time) bool { return at.Sub(change).Abs() > aroundChange })
				if !slices.EqualFunc(want, got, time.Time.Equal) {
					t.Errorf("%s in %s around %s: want %v, got %v", text, name, change.In(zone), want, got)
				}
			}
		}
	}
	t.Logf("%d expressions in %d zones: %d times compared, %d differ, all of them around a change of the clock; %d changes hold the rules",
		len(cronExpressions()), len(cronZones()), instants, differences, checked)
}

// cronTimes returns all times of the ten years. Where a day has no midnight, cronexpr returns the same time again and again: it is asked
// again an hour later.
func cronTimes(zone *time.Location, next func(time.Time) time.Time) (all []time.Time) {
	from, until := cronYears(zone)
	for asked := from.Add(-time.Second); ; {
		at := next(asked)
		switch {
		case at.IsZero() || !at.Before(until):
			return all
		case !at.After(asked):
			asked = asked.Add(time.Hour)
			continue
		}
		all, asked = append(all, at), at
	}
}

// differing returns the times that only one of two ascending lists has.
func differing(a, b []time.Time) (only []time.Time) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Before(b[0]):
			only, a = append(only, a[0]), a[1:]
		case len(a) == 0 || b[0].Before(a[0]):
			only, b = append(only, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return only
}

// clockChanges returns when the clocks of a zone are set forward or back in the ten years.
func clockChanges(zone *time.Location) (all []time.Time) {
	from, until := cronYears(zone)
	for _, end := from.ZoneBounds(); !end.IsZero() && end.Before(until); _, end = end.ZoneBounds() {
		_, after := end.Zone()
		if _, before := end.Add(-1).Zone(); before != after {
			all = append(all, end)
		}
	}
	return all
}

// byTheRules returns the times around a change of the clock, found minute by minute. The other implementation only says whether an
// expression means what a clock shows.
func byTheRules(zone *time.Location, expression *cronexpr.Expression, recurs bool, change time.Time) (all []time.Time) {
	shown := map[time.Time]bool{}
	means := func(wall time.Time) bool { return expression.Next(wall.Add(-time.Second)).Equal(wall) }
	_, before := change.Add(-1).Zone()
	_, after := change.Zone()
	gap := time.Duration(after-before) * time.Second
	skipped := change.UTC().Add(time.Duration(before) * time.Second) // what the clock would have shown
	from, until := cronYears(zone)
	for at := change.Add(-aroundChange); !at.After(change.Add(aroundChange)); at = at.Add(time.Minute) {
		wall := wallOf(at.In(zone))
		due := means(wall) && (recurs || !shown[wall])
		shown[wall] = true
		for missed := time.Duration(0); !recurs && at.Equal(change) && missed < gap && gap <= 3*time.Hour; missed += time.Minute {
			due = due || means(skipped.Add(missed))
		}
		if due && !at.Before(from) && at.Before(until) {
			all = append(all, at)
		}
	}
	return all
}

// wallOf returns what a clock shows, as a time in UTC.
func wallOf(at time.Time) time.Time {
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}
