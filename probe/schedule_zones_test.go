package probe_test

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
)

// zoneNames returns the names of all time zones that Go knows.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	return names
}

// changes returns when the clocks of a zone are set forward or back, from 2007 to 2037.
func changes(zone *time.Location) (list []time.Time) {
	for at := at("2007-01-01T00:00:00Z").In(zone); ; {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() > 2037 {
			return list
		}
		_, before := end.Add(-1).Zone()
		if _, after := end.Zone(); before != after {
			list = append(list, end)
		}
		at = end
	}
}

// firstShown returns when clocks first show a time on a day near a change; if they skip it for at most 3 hours, the time of the change;
// zero otherwise.
func firstShown(change time.Time, day, hour, minute int) time.Time {
	_, before := change.Add(-1).Zone()
	_, after := change.Zone()
	year, month, today := change.Date()
	wall := time.Date(year, month, today+day, hour, minute, 0, 0, time.UTC)
	if early := wall.Add(-time.Duration(before) * time.Second); early.Before(change) {
		return early
	}
	late := wall.Add(-time.Duration(after) * time.Second)
	switch gap := time.Duration(after-before) * time.Second; {
	case !late.Before(change):
		return late
	case gap <= 3*time.Hour:
		return change
	}
	return time.Time{}
}

// TestADailyTimeComesOnceADayInEveryZone compares each change of the clock in each time zone with a count by hand.
func TestADailyTimeComesOnceADayInEveryZone(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range zoneNames(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		all := changes(zone)
		if seen[fmt.Sprint(all)] { // another name of a zone, or one whose clocks change together with it
			continue
		}
		seen[fmt.Sprint(all)] = true
		for _, change := range all {
			for _, clock := range [][2]int{
				{0, 0}, {0, 30}, {12, 0}, {23, 59}, {change.Hour(), change.Minute()}, {change.Add(-1).Hour(), 45}, {(change.Hour() + 23) % 24, 0},
			} {
				daily := probe.MustSchedule(fmt.Sprintf("CRON_TZ=%s %d %d * * *", name, clock[1], clock[0]))
				var want, got []time.Time
				for day := -2; day <= 3; day++ {
					if next := firstShown(change, day, clock[0], clock[1]); !next.IsZero() {
						want = append(want, next)
					}
				}
				for next := daily.Next(want[0].Add(-1)); len(got) < len(want); next = daily.Next(next) {
					got = append(got, next)
				}
				if !slices.EqualFunc(want, got, time.Time.Equal) {
					t.Errorf("%v around %v:\nwant %v\ngot  %v", daily, change, want, got)
				}
			}
		}
	}
}

// TestARecurringTimeFollowsTheClock counts by hand which minutes of the days around a change of the clock a schedule names.
func TestARecurringTimeFollowsTheClock(t *testing.T) {
	for _, name := range []string{"Australia/Lord_Howe", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Chatham"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for text, named := range map[string]func(t time.Time) bool{
			"0 */6 * * *":    func(t time.Time) bool { return t.Minute() == 0 && t.Hour()%6 == 0 },
			"0 * * * *":      func(t time.Time) bool { return t.Minute() == 0 },
			"*/20 1-3 * * *": func(t time.Time) bool { return t.Minute()%20 == 0 && t.Hour() >= 1 && t.Hour() <= 3 },
		} {
			schedule := probe.MustSchedule("CRON_TZ=" + name + " " + text)
			for _, change := range changes(zone) {
				next := schedule.Next(change.Add(-24*time.Hour - 1))
				for at := change.Add(-24 * time.Hour); at.Before(change.Add(24 * time.Hour)); at = at.Add(time.Minute) {
					if !named(at) {
						continue
					}
					if !next.Equal(at) {
						t.Fatalf("%s: want %v, got %v", schedule, at, next.In(zone))
					}
					next = schedule.Next(at)
				}
			}
		}
	}
}
