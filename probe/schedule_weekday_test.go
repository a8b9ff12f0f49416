package probe_test

import (
	"testing"
	"time"

	"squarewatch/probe"
)

// TestWeekdaySevenIsSunday compares schedules with 7 and those that name the same days without it, over two weeks.
func TestWeekdaySevenIsSunday(t *testing.T) {
	for with, without := range map[string]string{
		"0 9 * * 7": "0 9 * * 0", "0 9 * * 5-7": "0 9 * * 5,6,0", "0 9 * * 1-7": "0 9 * * *", "0 9 * * 1-7/2": "0 9 * * 1,3,5,0",
		"CRON_TZ=Asia/Tokyo 0 9 * * 6,7": "CRON_TZ=Asia/Tokyo 0 9 * * 6,0", "30 0 9 * * 7": "30 0 9 * * 0", "0 9 7 7 7": "0 9 7 7 0",
	} {
		a, err := probe.ParseSchedule(with)
		if err != nil {
			t.Errorf("%s: %v", with, err)
			continue
		}
		b, at := probe.MustSchedule(without), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
		for range 14 {
			if got, want := a.Next(at), b.Next(at); !got.Equal(want) {
				t.Errorf("%s after %v: want %v, got %v", with, at, want, got)
			}
			at = b.Next(at)
		}
	}
	for _, text := range []string{"0 9 * * 8", "0 9 * * 7-9", "7 * * * 17"} {
		if _, err := probe.ParseSchedule(text); err == nil {
			t.Errorf("%s: want an error", text)
		}
	}
}
