package alert_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squarewatch/alert"
)

// times returns the times of an incident in whole seconds since start, in this order: Since, FirstBad, LastBad, BadRuns, Fired,
// Resolved.
func times(i *alert.Incident) []float64 {
	at := func(t time.Time) float64 {
		if t.IsZero() {
			return -1
		}
		return math.Floor(t.Sub(start()).Seconds())
	}
	return []float64{at(i.Since), at(i.FirstBad), at(i.LastBad), float64(i.BadRuns), at(i.Fired), at(i.Resolved)}
}

// checkTimes compares the times of an incident.
func checkTimes(t *testing.T, i *alert.Incident, want []float64) {
	t.Helper()
	if diff := cmp.Diff(want, times(i)); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

// TestBadTimeDiffersFromDeclaredTime checks both times of an outage. The bad time ends with the last bad run. The declared time ends later,
// when enough bad runs have left the window.
func TestBadTimeDiffersFromDeclaredTime(t *testing.T) {
	quick := func(change func(*alert.Rule)) alert.Rule {
		return rule(func(r *alert.Rule) {
			r.Window, r.Threshold, r.Clear, r.Reopen = 10*time.Second, 0.2, 0.1, 30*time.Second
			if change != nil {
				change(r)
			}
		})
	}
	for name, test := range map[string]struct {
		rule     alert.Rule
		codes    []int
		atFiring []float64
		atEnd    []float64
	}{
		"an outage of eight seconds": {
			quick(nil), codes(20, 200, 8, 500, 30, 200),
			[]float64{20, 20, 21, 2, 21, -1},
			[]float64{20, 20, 27, 8, 21, 36},
		},
		"a threshold that must hold": {
			quick(func(r *alert.Rule) { r.For = 5 * time.Second }), codes(20, 200, 8, 500, 30, 200),
			[]float64{20, 20, 25, 6, 26, -1},
			[]float64{20, 20, 27, 8, 26, 36},
		},
		"an error that has left the window is not counted": {
			quick(nil), codes(10, 200, 1, 500, 20, 200, 8, 500, 30, 200),
			[]float64{31, 31, 32, 2, 32, -1},
			[]float64{31, 31, 38, 8, 32, 47},
		},
		"an error still in the window is counted": {
			quick(nil), codes(20, 200, 1, 500, 5, 200, 8, 500, 30, 200),
			[]float64{20, 20, 26, 2, 26, -1},
			[]float64{20, 20, 33, 9, 26, 42},
		},
		"it fires again within reopen": {
			quick(nil), codes(20, 200, 8, 500, 15, 200, 4, 500, 30, 200),
			[]float64{20, 20, 21, 2, 21, -1},
			[]float64{20, 20, 46, 12, 21, 55},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{test.rule}})
			got := feed(e, "a", 0, test.codes...)
			if len(got) < 2 {
				t.Fatalf("want FIRING and RESOLVED, got %v", summaries(got))
			}
			checkTimes(t, &got[0].Incident, test.atFiring)
			checkTimes(t, &got[len(got)-1].Incident, test.atEnd)
		})
	}
}

func TestSinceIsTheFirstBadRunEverywhere(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.For = 10 * time.Second })}})
	feed(e, "a", 0, codes(10, 200, 15, 500)...)
	pending := e.Snapshot(sec(24))[0]
	if pending.State != alert.Pending || !pending.Since.Equal(sec(10)) || !pending.Fired.IsZero() {
		t.Errorf("want it pending since its first bad run, got %+v", pending)
	}
	got := feed(e, "a", 25, codes(10, 500)...)
	firing := e.Snapshot(sec(35))[0]
	if len(got) != 1 || !firing.Since.Equal(got[0].Incident.Since) ||
		!firing.Since.Equal(sec(10)) || !firing.Fired.Equal(got[0].Incident.Fired) || firing.BadRuns != 25 {
		t.Errorf("want the message and the status to say the same, got %+v and %+v", summaries(got), firing)
	}
	feed(e, "a", 35, codes(100, 200)...)
	if over := e.Snapshot(sec(135))[0]; !over.Since.IsZero() || over.BadRuns != 0 {
		t.Errorf("want a zero Since after the end, got %+v", over)
	}
}

func TestBadTimeOfAStreakAndOfNoData(t *testing.T) {
	rare := scheduled("rare", "@every 1h")
	e := engine(t, alert.EngineOptions{Probes: append(probes("x")[:0], rare), Rules: []alert.Rule{rule(nil)}})
	var got []alert.Transition
	for hour, code := range []int{200, 500, 500, 500, 200} {
		got = append(got, e.Observe(result("rare", sec(hour*3600), code))...)
	}
	if len(got) != 2 {
		t.Fatalf("want FIRING and RESOLVED, got %v", summaries(got))
	}
	checkTimes(t, &got[1].Incident, []float64{3600, 3600, 10800, 3, 7200, 14400})

	got = e.Advance(sec(24 * 3600))
	got = append(got, e.Observe(result("rare", sec(24*3600+60), 200))...)
	if len(got) < 2 || got[0].Incident.Rule != alert.NoDataRule {
		t.Fatalf("want FIRING and RESOLVED of no-data, got %v", summaries(got))
	}
	for _, c := range got {
		if !c.Incident.Since.Equal(sec(14400)) || c.Incident.BadRuns != 0 || !c.Incident.FirstBad.IsZero() {
			t.Errorf("want it to begin at the last run, without bad runs, got %s %v", c.Event, times(&c.Incident))
		}
	}
}

func TestBadTimeSurvivesARestart(t *testing.T) {
	options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}}
	first := engine(t, options)
	fired := feed(first, "a", 0, codes(10, 500)...)
	var seen []*alert.SeriesState
	for _, state := range first.States() {
		seen = append(seen, &state)
	}
	for name, state := range map[string]alert.SeriesState{"as it was when it fired": fired[0].State, "as it was at the stop": *seen[0]} {
		e := engine(t, options)
		e.Restore([]alert.SeriesState{state})
		for i := range 10 { // the history has all runs
			e.Recall(result("a", sec(i), 500))
		}
		e.Resume(sec(20))
		feed(e, "a", 20, codes(5, 500)...)
		over := feed(e, "a", 25, codes(100, 200)...)
		if len(over) != 1 {
			t.Fatalf("%s: want RESOLVED, got %v", name, summaries(over))
		}
		if diff := cmp.Diff([]float64{0, 0, 24, 15}, times(&over[0].Incident)[:4]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestBadTimeMatchesTheModel counts the bad runs of each incident again, and compares.
func TestBadTimeMatchesTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		r.Reopen, r.Repeat = -1, -1
		e, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{r}, Probes: probes("a")})
		if err != nil {
			t.Fatal(err)
		}
		var bad []time.Time
		width := int64(r.Window / 60)
		check := func(list []alert.Transition) {
			for _, c := range list {
				var want alert.BadSpan
				for _, end := range bad {
					if end.UnixNano()/width <= c.Incident.Crossed.UnixNano()/width-60 {
						continue // it left the window before the threshold was crossed
					}
					if want.Runs == 0 {
						want.First = end
					}
					want.Last, want.Runs = end, want.Runs+1
				}
				got := alert.BadSpan{First: c.Incident.FirstBad, Last: c.Incident.LastBad, Runs: c.Incident.BadRuns}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s at %v, -want +got:\n%s", c.Event, c.At.Sub(start()), diff)
				}
			}
		}
		now := start()
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 2, 5, 20, 90}).Draw(t, "seconds")) * time.Second)
			check(e.Advance(now))
			code := rapid.SampledFrom([]int{200, 200, 500}).Draw(t, "code")
			if code == 500 {
				bad = append(bad, now)
			}
			check(e.Observe(result("a", now, code)))
		}
	})
}
