package alert_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

func maintenance(name, schedule string, length time.Duration) alert.Maintenance {
	return alert.Maintenance{Name: name, Schedule: probe.MustSchedule(schedule), Duration: length}
}

func TestMaintenanceMustLeaveTimeForAlerts(t *testing.T) {
	for _, test := range []struct {
		schedule string
		length   time.Duration
		want     string // the muted share in the fault; empty for no fault
	}{
		{"0 * * * *", time.Hour, "100%"},
		{"* 2 * * *", 23 * time.Hour, "99.9%"}, // one minute a day is not muted
		{"@every 10s", 10 * time.Second, "100%"},
		{"* * * * * *", 7 * 24 * time.Hour, "100%"},
		{"0 0 * * 1", 7 * 24 * time.Hour, "100%"},
		{"0 * * * *", 59 * time.Minute, ""},
		{"0 18 * * *", 14 * time.Hour, ""}, // outside office hours
		{"* * * 12 *", time.Minute, ""},    // all of December
		{"0 0 1 * *", 7 * 24 * time.Hour, ""},
		{"CRON_TZ=Europe/Berlin 0 2 * * 0", 2 * time.Hour, ""},
	} {
		m := maintenance("m", test.schedule, test.length)
		fault, found := errors.AsType[*setting.Invalid](m.Validate())
		if found != (test.want != "") || found && (fault.Field != "duration" || !strings.Contains(fault.Problem, test.want) || fault.Fix == "") {
			t.Errorf("%s for %v: want a fault with %q, got %v", test.schedule, test.length, test.want, m.Validate())
		}
	}
}

func TestMaintenanceWindowsTogetherMustLeaveTimeForAlerts(t *testing.T) {
	even, odd := maintenance("even", "0 */2 * * *", time.Hour), maintenance("odd", "0 1-23/2 * * *", time.Hour)
	rules := alert.DefaultRules()
	if got := alert.MostlyMuted([]alert.Maintenance{even, odd}, rules, probes("a", "b")); len(got) != 1 ||
		!slices.Equal(got[0].By, []int{0, 1}) {
		t.Errorf("want one finding that names both, got %+v", got)
	}
	odd.Rules = []string{"unauthenticated"}
	if got := alert.MostlyMuted([]alert.Maintenance{even, odd}, rules, probes("a")); len(got) != 1 || got[0].Rule != "unauthenticated" {
		t.Errorf("want the rule that both windows mute, got %+v", got)
	}
	even.Rules = []string{"server-errors"}
	if got := alert.MostlyMuted([]alert.Maintenance{even, odd}, rules, probes("a")); len(got) != 0 {
		t.Errorf("want nothing when they mute different rules, got %+v", got)
	}
}

func TestMaintenanceThatLeavesLittleTimeForAlerts(t *testing.T) {
	hourly, nightly := maintenance("hourly", "0 * * * *", 59*time.Minute), maintenance("nightly", "0 20 * * *", 12*time.Hour)
	daily := maintenance("daily", "0 8 * * *", 11*time.Hour)
	for name, test := range map[string]struct {
		all    []alert.Maintenance
		share  string // the first digits, since times are sampled; empty for no finding
		always bool
	}{
		"one window":           {[]alert.Maintenance{hourly}, "98.3%", false},
		"one that is too long": {[]alert.Maintenance{maintenance("m", "0 * * * *", time.Hour)}, "100%", true},
		"half of the time":     {[]alert.Maintenance{nightly}, "", false},
		"two windows":          {[]alert.Maintenance{nightly, daily}, "95.", false},
	} {
		var share string
		var always bool
		for _, m := range alert.MostlyMuted(test.all, alert.DefaultRules(), probes("a")) {
			share, always = m.Share.String(), m.Always()
		}
		if !strings.HasPrefix(share, test.share) || share != "" && test.share == "" || always != test.always {
			t.Errorf("%s: want %q and %v, got %q and %v", name, test.share, test.always, share, always)
		}
	}
}

// TestMaintenanceStartsOnTheDayThatSkipsItsTimeOfDay checks the example of docs/rules.md: at 02:00 on Sundays in Berlin. That time does not
// exist on 29 March 2026.
func TestMaintenanceStartsOnTheDayThatSkipsItsTimeOfDay(t *testing.T) {
	weekly := maintenance("weekly-update", "CRON_TZ=Europe/Berlin 0 2 * * 0", 2*time.Hour)
	for _, test := range []struct {
		name           string
		fails          time.Time
		muted          bool
		mutedUntilHour int // in UTC
	}{
		{"spring, before", time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC), false, 0},
		{"spring, 03:30 in Berlin", time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), true, 3},
		{"autumn, the first 02:30", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), true, 2},
		{"autumn, the second 02:30", time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), true, 2},
		{"autumn, 03:30", time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC), false, 0},
	} {
		e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}, Maintenance: []alert.Maintenance{weekly}})
		var got []alert.Transition
		for i := range 10 {
			got = append(got, e.Observe(result("a", test.fails.Add(time.Duration(i)*time.Second), 500))...)
		}
		if len(got) != 1 || got[0].Muted != test.muted {
			t.Errorf("%s: want one transition, muted: %v, got %+v", test.name, test.muted, got)
		}
		if until := e.Snapshot(test.fails.Add(time.Minute))[0].SilencedUntil; test.muted && until.UTC().Hour() != test.mutedUntilHour {
			t.Errorf("%s: want it muted until %d:00 UTC, got %v", test.name, test.mutedUntilHour, until)
		}
	}
}

func TestMaintenanceThatHasEndedIsKnown(t *testing.T) {
	now := time.Date(2026, 10, 7, 12, 0, 0, 0, time.UTC)
	all := []alert.Maintenance{maintenance("night", "0 2 * * *", 2*time.Hour), maintenance("new-year", "0 0 1 1 *", time.Hour)}
	got := alert.MaintenanceSince(all, now.Add(-33*time.Hour), now)
	if len(got) != 2 || !got[0].From.Equal(time.Date(2026, 10, 6, 2, 0, 0, 0, time.UTC)) ||
		!got[1].End().Equal(time.Date(2026, 10, 7, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("want the windows of two nights, got %+v", got)
	}
	if !got[0].Mutes(&alert.Incident{Rule: "any", Per: alert.PerProbe, Series: "feed"}) {
		t.Error("want it to mute every rule")
	}
	all = []alert.Maintenance{maintenance("often", "@every 1m", time.Second)}
	if often := alert.MaintenanceSince(all, now.Add(-72*time.Hour), now); len(often) != 500 {
		t.Errorf("want at most 500 windows, got %d", len(often))
	}
}
