package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// TestLongestWithoutRun checks schedules with gaps.
func TestLongestWithoutRun(t *testing.T) {
	for schedule, want := range map[string]time.Duration{
		"@every 30s":            90 * time.Second,
		"@hourly":               3 * time.Hour,
		"*/5 8-20 * * 1-5":      59*time.Hour + 15*time.Minute, // from Friday 20:55 to Monday 8:10
		"* 8-20 * * 1-5":        59*time.Hour + 3*time.Minute,  // from Friday 20:59 to Monday 8:02
		"0 0 * * 1":             21 * 24 * time.Hour,
		"* * * 12 *":            335*24*time.Hour + 3*time.Minute, // to the first of December of a leap year
		"CRON_TZ=UTC 0 0 1 1 *": (365 + 366 + 365) * 24 * time.Hour,
	} {
		p := &probe.Probe{Schedule: probe.MustSchedule(schedule), Timeout: 10 * time.Second}
		if got := alert.LongestWithoutRun(p); got != want+p.Timeout {
			t.Errorf("%s: want %v, got %v", schedule, want+p.Timeout, got)
		}
	}
}
