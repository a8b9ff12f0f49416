package probe

import (
	"testing"
	"time"
)

// counting is a schedule of every minute that counts how often it is asked.
type counting struct{ asked int }

func (c *counting) Next(t time.Time) time.Time {
	c.asked++
	return t.Truncate(time.Minute).Add(time.Minute)
}

// TestYearsAreNotCountedMinuteByMinute is for a clock that is set from 1970 to today: until the missed runs are counted, nothing
// is probed.
func TestYearsAreNotCountedMinuteByMinute(t *testing.T) {
	cron := &counting{}
	s, tally := Schedule{text: "every minute", cron: cron, wall: cron, zone: time.UTC}, Tally{}
	from := time.Unix(0, 0)
	for range 1000 { // probes
		if got, want := tally.Between(s, from, from.AddDate(50, 0, 0)), 50*365*24*60; got < want || got > want+15*24*60 {
			t.Fatalf("want about %d, got %d", want, got)
		}
	}
	if cron.asked > countedAtMost {
		t.Errorf("want the schedule asked at most %d times, got %d", countedAtMost, cron.asked)
	}
}
