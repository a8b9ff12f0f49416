package probe_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNextTimes(t *testing.T) {
	for _, c := range []struct{ schedule, from, want string }{
		{"*/5 * * * *", "2026-03-01T10:02:00Z", "2026-03-01T10:05:00Z"},
		{"30 */5 * * * *", "2026-03-01T10:02:00Z", "2026-03-01T10:05:30Z"},
		{"@hourly", "2026-03-01T10:02:00Z", "2026-03-01T11:00:00Z"},
		{"CRON_TZ=Europe/Berlin 0 9 * * 1-5", "2026-07-03T07:00:00Z", "2026-07-06T07:00:00Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"@every 30s", "2026-03-01T10:02:01Z", "2026-03-01T10:02:30Z"},
		{"@every 30s", "2026-03-01T10:02:30Z", "2026-03-01T10:03:00Z"},
		{"@every 1500ms", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"},
		// Clocks go forward at 02:00 in Berlin: 02:30 does not exist that night. They go back at 03:00 in October.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}, // 02:30 comes twice, and counts once
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:45:00Z", "2026-10-26T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}, // every hour goes on
		{"CRON_TZ=Europe/Berlin 30 0-23 * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin */30 * * * *", "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin */30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
	} {
		if got := probe.MustSchedule(c.schedule).Next(at(c.from)); !got.Equal(at(c.want)) {
			t.Errorf("%s after %s: want %s, got %s", c.schedule, c.from, c.want, got.UTC().Format(time.RFC3339))
		}
	}
}

func TestWrongSchedules(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "write five fields",
		"every minute":                   "write five fields",
		"* * * *":                        "write five fields",
		"61 * * * *":                     "write five fields",
		"TZ=":                            "write five fields",
		"CRON_TZ=Nowhere/City * * * * *": "write five fields",
		"0 0 30 2 *":                     "never comes true",
		"@every 10ms":                    "at least 1s",
		"@every -5s":                     "at least 1s",
		"@every soon":                    "write five fields",
	} {
		if _, err := probe.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want an error with %q, got %v", text, want, err)
		}
	}
}

func TestPhasesAreStableAndSpread(t *testing.T) {
	s := probe.MustSchedule("@every 10s")
	from := at("2026-03-01T10:00:00Z")
	quarters := map[int]int{}
	for i := range 1000 {
		name := fmt.Sprintf("probe-%d", i)
		next := s.For(name).Next(from)
		if again := s.For(name).Next(from); !again.Equal(next) {
			t.Fatalf("%s: %v, then %v", name, next, again)
		}
		if wait := next.Sub(from); wait <= 0 || wait > 10*time.Second {
			t.Fatalf("%s: first run after %v", name, wait)
		}
		quarters[int(next.Sub(from)/(2500*time.Millisecond))]++
	}
	for q := range 4 {
		if quarters[q] < 200 {
			t.Errorf("quarter %d of the interval has %d of 1000 probes", q, quarters[q])
		}
	}
}

func TestBetweenCountsWhatNextVisits(t *testing.T) {
	from := at("2026-03-01T10:00:07Z")
	tally := probe.Tally{}
	for _, text := range []string{"@every 7s", "*/3 * * * *", "@hourly"} {
		s := probe.MustSchedule(text).For("x")
		for _, span := range []time.Duration{0, time.Second, time.Minute, 3 * time.Hour} {
			want := 0
			for next := s.Next(from); !next.After(from.Add(span)); next = s.Next(next) {
				want++
			}
			if got := s.Between(from, from.Add(span)); got != want {
				t.Errorf("%s within %v: want %d, got %d", text, span, want, got)
			}
			for range 2 { // counted, and remembered
				if got := tally.Between(s, from, from.Add(span)); got != want {
					t.Errorf("%s within %v: want a tally of %d, got %d", text, span, want, got)
				}
			}
		}
	}
}

// TestBetweenEstimatesWhatTakesTooLongToCount is for a clock that is set from 1970 to today: counting one by one takes many
// seconds, in which nothing is probed.
func TestBetweenEstimatesWhatTakesTooLongToCount(t *testing.T) {
	from := at("1970-01-01T00:00:00Z")
	for text, want := range map[string]float64{
		"* * * * *": 60 * 24 * 365.25 * 56, "*/5 8-19 * * 1-5": 12 * 12 * 365.25 * 56 * 5 / 7, "0 0 1 * *": 12 * 56,
	} {
		got := probe.MustSchedule("CRON_TZ=UTC "+text).Between(from, at("2026-01-01T00:00:00Z"))
		if off := float64(got)/want - 1; math.Abs(off) > 0.01 {
			t.Errorf("%s: want about %.0f times in 56 years, got %d", text, want, got)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"* * * * *", "@every 30s", "CRON_TZ=Europe/Berlin 0 0 * * *", "TZ=", "1-2/3 * * * *", "@daily"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := probe.ParseSchedule(text)
		if err != nil {
			return
		}
		from := at("2026-03-01T10:00:00Z")
		if next := s.For("x").Next(from); !next.After(from) {
			t.Errorf("%q: next after %v is %v", text, from, next)
		}
	})
}

func ExampleSchedule() {
	s := probe.MustSchedule("CRON_TZ=Europe/Berlin 0 9 * * 1-5")
	friday := time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC)
	fmt.Println(s.Next(friday).UTC().Format("Mon 15:04"))
	// Output: Mon 07:00
}
