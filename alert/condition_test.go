package alert_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

// scheduled returns a probe with a schedule.
func scheduled(name, schedule string) probe.Probe {
	return probe.Probe{Name: name, Schedule: probe.MustSchedule(schedule), Timeout: 10 * time.Second}
}

// announcements returns the transitions that are not muted, as text.
func announcements(list []alert.Transition) []string {
	var open []alert.Transition
	for _, t := range list {
		if !t.Muted && !t.Reannounced {
			open = append(open, t)
		}
	}
	return summaries(open)
}

func same(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConfidenceNeedsMoreRunsToFire(t *testing.T) {
	raw := rule(nil)
	sure := rule(func(r *alert.Rule) { r.Confidence = 0.95; r.MinRuns = 1; r.Clear = 0.15 })
	feed := codes(4, 200, 2, 500, 3, 200, 5, 500, 100, 200)
	for name, test := range map[string]struct {
		rule alert.Rule
		want []string
	}{
		"raw":  {raw, []string{"40 firing server-errors/a 1/5", "410 resolved server-errors/a 2/29"}},
		"sure": {sure, []string{"120 firing server-errors/a 6/13", "430 resolved server-errors/a 0/29"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{test.rule}})
			got := replay(e, 10*time.Second, feed, 0)
			same(t, test.want, summaries(got))
			i := got[0].Incident
			if name == "sure" && (i.Low <= 0.2 || i.High <= i.Rate || i.Confidence != 0.95) {
				t.Errorf("want the bounds of the rate in the incident, the lower above the threshold, got %v to %v", i.Low, i.High)
			}
		})
	}
}

func TestIntervalMatchesWilsonsFormula(t *testing.T) {
	sure := alert.Rule{Confidence: 0.95}
	// From the table of R's binom.wilson for 95 %.
	for _, test := range []struct {
		bad, runs int
		low, high float64
	}{{0, 10, 0, 0.2775}, {1, 10, 0.0179, 0.4042}, {5, 10, 0.2366, 0.7634}, {10, 10, 0.7225, 1}, {20, 1000, 0.0130, 0.0307}} {
		low, high := sure.Interval(test.bad, test.runs)
		if math.Abs(float64(low)-test.low) > 1e-4 || math.Abs(float64(high)-test.high) > 1e-4 {
			t.Errorf("%d of %d: want %v to %v, got %v to %v", test.bad, test.runs, test.low, test.high, float64(low), float64(high))
		}
	}
}

func TestARareProbeFiresByItsStreak(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: []probe.Probe{scheduled("a", "@every 1h")}, Rules: []alert.Rule{rule(nil)}})
	got := replay(e, time.Hour, []int{500, 200, 500, 503, 500, 200, 500}, 0)
	same(t, []string{"10800 firing server-errors/a 2/2", "18000 resolved server-errors/a 0/1"}, summaries(got))
	i := got[0].Incident
	if i.Condition != alert.ConditionStreak || len(i.Classes) != 2 || len(i.Examples) == 0 {
		t.Errorf("want a streak with its classes and runs, got %+v", i)
	}
}

// TestAProbeThatRunsOnlyAtNightHasARate checks that the busiest time of a schedule decides, not the number of runs at noon.
func TestAProbeThatRunsOnlyAtNightHasARate(t *testing.T) {
	hour := func(r *alert.Rule) { r.Window = time.Hour }
	for _, test := range []struct {
		schedule string
		change   func(*alert.Rule)
		rare     bool
	}{
		{"* 0-5 * * *", nil, false},
		{"* * * * 6,0", nil, false},
		{"* * 24-26 12 *", nil, false},
		{"CRON_TZ=Asia/Tokyo * 2 * * *", nil, false},
		{"*/5 22 * * *", nil, true}, // 12 in an hour, 1 in five minutes
		{"*/5 22 * * *", hour, false},
		{"0 0-5 * * *", hour, true},
		{"@hourly", nil, true},
		{"@every 1m", nil, false},
		{"@every 74s", nil, true}, // five runs take the whole window, and may never be in it together
		{"@every 30s", nil, false},
		{"@hourly", func(r *alert.Rule) { r.Objective, r.Period = 0.99, 30*24*time.Hour }, true},
		{"*/10 3 * * 0", func(r *alert.Rule) { r.Objective, r.Period = 0.99, 30*24*time.Hour }, false},
		{"@hourly", func(r *alert.Rule) { r.MinRuns = 1 }, false}, // one run is enough
	} {
		r, p := rule(test.change), scheduled("a", test.schedule)
		r.Window = max(r.Window, 5*time.Minute)
		if got := r.Rarely(&p); got != test.rare {
			t.Errorf("%s in %v: want too rare for a rate %v, got %v", test.schedule, r.Window, test.rare, got)
		}
	}
	nightly := scheduled("a", "* 0-5 * * *")
	e := engine(t, alert.EngineOptions{Probes: []probe.Probe{nightly}, Rules: []alert.Rule{rule(nil)}})
	got := replay(e, time.Minute, []int{200, 200, 500, 200, 500, 200}, 0) // never two bad runs in a row
	same(t, []string{"240 firing server-errors/a 2/5"}, summaries(got))
}

func TestAnObjectiveFiresWhenItsBudgetIsSpentTooFast(t *testing.T) {
	objective := rule(func(r *alert.Rule) { r.Objective = 0.995 })
	p := []probe.Probe{scheduled("a", "@every 30s")}
	t.Run("fast", func(t *testing.T) {
		e := engine(t, alert.EngineOptions{Probes: p, Rules: []alert.Rule{objective}})
		// 14.4 times 0.5 % of an hour's 120 runs are 9.
		got := replay(e, 30*time.Second, codes(120, 200, 20, 500, 900, 200), 0)
		// A reminder is sent after four hours, because the slow pair still fires.
		if len(got) != 4 || got[0].Event != alert.EventFiring || got[3].Event != alert.EventResolved {
			t.Fatalf("want FIRING, two UPDATEs and RESOLVED, got %v", summaries(got))
		}
		if burn := got[1].Incident.Burn; got[1].Incident.Severity != alert.Critical || burn.Factor != 6 ||
			burn.Long != 6*time.Hour || burn.LongBurn < 6 {
			t.Errorf("want a fast pair of windows to be critical, got %+v with %+v", got[1].Incident.Severity, burn)
		}
	})
	t.Run("slow", func(t *testing.T) {
		e := engine(t, alert.EngineOptions{Probes: p, Rules: []alert.Rule{objective}})
		var feed []int
		for range 200 { // 1 of 60 is 3.3 times the budget
			feed = append(feed, codes(59, 200, 1, 500)...)
		}
		got := replay(e, 30*time.Second, feed, 0)
		if len(got) == 0 || got[0].Incident.Severity != alert.Warning {
			t.Fatalf("want a warning of a slow burn, got %v", summaries(got))
		}
	})
	t.Run("one bad run does not fire", func(t *testing.T) {
		e := engine(t, alert.EngineOptions{Probes: p, Rules: []alert.Rule{objective}})
		same(t, nil, summaries(replay(e, 30*time.Second, codes(10, 200, 1, 500, 100, 200), 0)))
	})
	t.Run("an outage fires for a loose objective", func(t *testing.T) {
		e := engine(t, alert.EngineOptions{Probes: p, Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Objective = 0.9 })}})
		got := replay(e, 30*time.Second, codes(20, 500), 0)
		if len(got) == 0 || got[len(got)-1].Incident.Severity != alert.Critical {
			t.Errorf("want an outage to be critical, got %v", summaries(got))
		}
	})
	t.Run("rare", func(t *testing.T) {
		e := engine(t, alert.EngineOptions{Probes: []probe.Probe{scheduled("a", "@every 1h")}, Rules: []alert.Rule{objective}})
		same(t, []string{"7200 firing server-errors/a 2/2"}, summaries(replay(e, time.Hour, codes(1, 200, 2, 500), 0)))
	})
}

func TestAProbeWithoutRunsFires(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: []probe.Probe{scheduled("a", "@every 30s")}})
	e.Resume(start())
	var got []alert.Transition
	got = append(got, e.Observe(result("a", start().Add(30*time.Second), 200))...)
	got = append(got, e.Advance(start().Add(10*time.Minute))...)
	got = append(got, e.Observe(result("a", start().Add(11*time.Minute), 500))...)
	same(t, []string{"130 firing no-data/a 0/0", "660 resolved no-data/a 0/1"}, summaries(got))
	silent := engine(t, alert.EngineOptions{Probes: []probe.Probe{scheduled("a", "@every 30s")}})
	silent.Resume(start())
	same(t, []string{"100 firing no-data/a 0/0"}, summaries(silent.Advance(start().Add(time.Hour))))
	weekdays := engine(t, alert.EngineOptions{Probes: []probe.Probe{scheduled("a", "*/5 8-20 * * 1-5")}})
	friday := time.Date(2026, 10, 9, 20, 55, 0, 0, time.UTC)
	weekdays.Resume(friday.Add(-time.Minute))
	weekdays.Observe(result("a", friday, 200))
	same(t, nil, summaries(weekdays.Advance(friday.Add(59*time.Hour))))
}

// TestARunWithLooksIsNotMissing has a probe that runs every second, while names do not resolve: each run lasts its timeout, and then its
// looks.
func TestARunWithLooksIsNotMissing(t *testing.T) {
	p := scheduled("a", "@every 1s")
	p.Timeout = 900 * time.Millisecond
	e := engine(t, alert.EngineOptions{Probes: []probe.Probe{p}})
	e.Resume(start())
	at := func(ms int) time.Time { return start().Add(time.Duration(ms) * time.Millisecond) }
	var got []alert.Transition
	for _, ended := range []int{100, 5900, 10900} { // one look a second late
		got = append(got, e.Advance(at(ended-1))...)
		got = append(got, e.Observe(result("a", at(ended), 200))...)
	}
	same(t, nil, summaries(got))
	same(t, []string{"17 firing no-data/a 0/0"}, summaries(e.Advance(at(60_000))))
}

// TestOnlyTheWatcherRuleCountsOurOwnShortage lets runs fail between good ones, because squarewatch has no descriptors left. There is one
// message when this lasts, and one at its end.
func TestOnlyTheWatcherRuleCountsOurOwnShortage(t *testing.T) {
	shortage := func(at int) *probe.Result {
		r := result("a", sec(at), 200)
		r.Class, r.Code, r.Expected, r.Blame = probe.ConnectError, 0, false, probe.BlameWatcher
		return r
	}
	watch := func() *alert.Engine {
		return engine(t, alert.EngineOptions{Probes: probes("a", "b"), Rules: []alert.Rule{
			rule(func(r *alert.Rule) { r.On = sel("unexpected") }),
			rule(func(r *alert.Rule) { r.Name, r.On, r.Per = "all", sel("transport"), alert.PerAll }),
		}})
	}
	e := watch()
	var got []alert.Transition
	for i := 0; i <= 120; i += 10 {
		got = append(got, e.Observe(shortage(i))...)
		got = append(got, e.Observe(result("b", sec(i+5), 200))...)
	}
	got = append(got, e.Advance(sec(600))...)
	same(t, []string{"60 firing watcher/all 7/7", "180 resolved watcher/all 13/13"}, announcements(got))
	got = nil
	e = watch()
	for i := 0; i <= 50; i += 10 {
		got = append(got, e.Observe(shortage(i))...)
	}
	got = append(got, e.Observe(result("a", sec(51), 200))...)
	got = append(got, e.Advance(sec(600))...)
	same(t, nil, announcements(got))
	rare := watch()
	got = append(rare.Observe(shortage(0)), rare.Observe(shortage(300))...)
	same(t, []string{"300 firing watcher/all 2/2"}, announcements(got))
}

func TestFiringAgainSoonReopensTheIncident(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Window = time.Minute })}})
	got := replay(e, 10*time.Second, codes(6, 500, 20, 200, 6, 500, 100, 200, 6, 500), 0)
	same(t, []string{
		"40 firing server-errors/a 5/5", "110 resolved server-errors/a 0/5",
		"270 firing server-errors/a 1/5", "370 resolved server-errors/a 0/5",
		"1330 firing server-errors/a 1/5",
	}, summaries(got))
	first, again, later := got[0].Incident, got[2].Incident, got[4].Incident
	if again.ID != first.ID || again.Reopened != 1 || later.ID == first.ID || later.Reopened != 0 {
		t.Errorf("want the second to continue and the third to be new, got %s %s(%d) %s(%d)",
			first.ID, again.ID, again.Reopened, later.ID, later.Reopened)
	}
}
