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
		{"@every 1d", "1970-01-01T00:00:01Z", "1970-01-02T00:00:00Z"},
		{"@every 1w", "1970-01-01T00:00:01Z", "1970-01-08T00:00:00Z"},
		{"@every 1d12h", "1970-01-01T00:00:01Z", "1970-01-02T12:00:00Z"},
		{"*/59 * * * *", "2026-03-01T10:02:00Z", "2026-03-01T10:59:00Z"},
		{"10-20/10 * * * *", "2026-03-01T10:12:00Z", "2026-03-01T10:20:00Z"},
		// Clocks go forward at 02:00 in Berlin: 02:30 does not exist that night. The run starts when the gap ends, at 03:00.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 0 2 * * 0", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin 0 2 * * 0", "2026-03-29T01:00:00Z", "2026-04-05T00:00:00Z"},
		{"CRON_TZ=Europe/Berlin 10,40 2 * * *", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"}, // two skipped times cause one run
		{"CRON_TZ=Europe/Berlin 10,40 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2,3 * * *", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 0 2 29 3 *", "2026-03-01T00:00:00Z", "2026-03-29T01:00:00Z"},       // it runs this year, not only next year
		{"CRON_TZ=Europe/Berlin */5 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z"},      // with * in the minutes: no run in the gap
		{"CRON_TZ=America/Sao_Paulo @daily", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"},       // midnight is skipped there
		{"CRON_TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"}, // a gap of half an hour
		{"CRON_TZ=Pacific/Apia 0 12 * * *", "2011-12-29T23:00:00Z", "2011-12-30T22:00:00Z"},        // a skipped day does not count as a gap
		// Clocks go back at 03:00 in October.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}, // 02:30 occurs twice and runs once
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:45:00Z", "2026-10-26T01:30:00Z"},
		{"CRON_TZ=Europe/Berlin 0,30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin 0,30 2 * * *", "2027-10-31T00:00:00Z", "2027-10-31T00:30:00Z"}, // twice that night, and not four times
		{"CRON_TZ=Europe/Berlin 0,30 2 * * *", "2027-10-31T00:30:00Z", "2027-11-01T01:00:00Z"},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}, // an hourly schedule runs in both hours
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
		"":                                   "write five fields",
		"every minute":                       "write five fields",
		"* * * *":                            "write five fields",
		"61 * * * *":                         "write five fields",
		"TZ=":                                "write five fields",
		"CRON_TZ=Nowhere/City * * * * *":     "write a name of the tz database, for example Europe/Berlin",
		"CRON_TZ=Europe/Berlin */90 * * * *": `write "@every 90m" for that interval`,
		"*/90 * * * *":                       `has */90 in the minutes, a step that is longer than its range: write "@every 90m"`,
		"*/60 * * * *":                       `write "@every 60m"`,
		"*/90 * * * * *":                     `write "@every 90s"`,
		"0 */36 * * *":                       `write "@every 36h"`,
		"0 0 */45 * *":                       `write "@every 45d"`,
		"0 0 1 */18 *":                       "in the months",
		"0 0 * * */8":                        "in the weekdays",
		"0,10-20/15 * * * *":                 "has 10-20/15 in the minutes",
		"0 0 30 2 *":                         "never occurs",
		"@every 10ms":                        "at least 1s",
		"@every -5s":                         "at least 1s",
		"@every soon":                        "write a number and its unit",
	} {
		if _, err := probe.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want an error with %q, got %v", text, want, err)
		}
	}
}

func TestOffsetsAreStableAndSpread(t *testing.T) {
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

func TestBetweenAgreesWithNext(t *testing.T) {
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
			for range 2 { // the first call counts, the second reads the cache
				if got := tally.Between(s, from, from.Add(span)); got != want {
					t.Errorf("%s within %v: want a tally of %d, got %d", text, span, want, got)
				}
			}
		}
	}
}

// TestBetweenEstimatesLongSpans covers a clock set from 1970 to today. A count one by one would block probing for many seconds.
func TestBetweenEstimatesLongSpans(t *testing.T) {
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

func TestLastAgreesWithNext(t *testing.T) {
	until := at("2026-03-29T12:00:07Z")
	for _, text := range []string{"@every 7s", "* * * * * *", "*/3 * * * *", "CRON_TZ=Europe/Berlin 30 2 * * *", "0 0 29 2 *"} {
		s := probe.MustSchedule(text).For("x")
		for _, span := range []time.Duration{0, time.Second, time.Minute, 36 * time.Hour} {
			want := time.Time{}
			for next := s.Next(until.Add(-span)); !next.IsZero() && !next.After(until); next = s.Next(next) {
				want = next
			}
			if got := s.Last(until.Add(-span), until); !got.Equal(want) {
				t.Errorf("%s in the %v before %v: want %v, got %v", text, span, until, want, got)
			}
		}
	}
}

// busiest returns the largest number of times within any interval of this length.
func busiest(times []time.Time, length time.Duration) int {
	most, first := 0, 0
	for last := range times {
		for times[last].Sub(times[first]) > length {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func TestBusiestAgreesWithNext(t *testing.T) {
	const visited = 20_000
	for _, text := range []string{
		"* 0-5 * * *", "*/5 8-20 * * 1-5", "0 22 * * 6,0", "50-59 * * * *", "0,1 3 * * *", "0 0 1 * *", "0 12 13 * 5", "*/10 * * 12 *",
		"59 23 * * *", "0,59 0,23 * * *", "15 */20 * * * *", "@hourly", "@every 7m", "0 0 28-31 1,2 *", "CRON_TZ=Asia/Tokyo * 1 * * 0",
	} {
		s := probe.MustSchedule(text)
		var times []time.Time
		for next := s.Next(at("2025-01-01T00:00:00Z")); len(times) < visited && next.Before(at("2028-01-01T00:00:00Z")); next = s.Next(next) {
			times = append(times, next)
		}
		for _, length := range []time.Duration{
			0, time.Minute, 5 * time.Minute, time.Hour, 7 * time.Hour, 24 * time.Hour, 59 * time.Hour, 8 * 24 * time.Hour,
		} {
			if want, got := busiest(times, length), s.Busiest(length); got != want {
				t.Errorf("%s: want at most %d times within %v, got %d", text, want, length, got)
			}
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
		if n := s.Busiest(time.Hour); n < s.Between(from, from.Add(time.Hour)) || n > s.Busiest(2*time.Hour) {
			t.Errorf("%q: %d times in the busiest hour", text, n)
		}
	})
}

func ExampleSchedule() {
	s := probe.MustSchedule("CRON_TZ=Europe/Berlin 0 9 * * 1-5")
	friday := time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC)
	fmt.Println(s.Next(friday).UTC().Format("Mon 15:04"))
	// Output: Mon 07:00
}
