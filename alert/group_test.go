package alert_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// keyed returns probes of one credential, each with its schedule.
func keyed(schedules map[string]string, names ...string) []probe.Probe {
	var list []probe.Probe
	for _, name := range names {
		p := scheduled(name, schedules[name])
		p.Credential = "key"
		list = append(list, p)
	}
	return list
}

// refusals returns a rule like the default one for 401, with a window of ten seconds.
func refusals(change func(*alert.Rule)) alert.Rule {
	return rule(func(r *alert.Rule) {
		r.Name, r.On, r.Per, r.Window, r.Reopen = "unauthenticated", sel("401"), alert.PerCredential, 10*time.Second, -1
		if change != nil {
			change(r)
		}
	})
}

// play runs probes on their schedules from second from until before second until; answer returns the status code of each run.
func play(e *alert.Engine, list []probe.Probe, from, until int, answer func(name string, second int) int) []alert.Transition {
	var all []alert.Transition
	for second := from; second < until; second++ {
		for i := range list {
			if next := list[i].Schedule.Next(sec(second).Add(-time.Nanosecond)); next.Equal(sec(second)) || list[i].Schedule.IsZero() {
				all = append(all, e.Observe(result(list[i].Name, sec(second), answer(list[i].Name, second)))...)
			}
		}
	}
	return all
}

func TestOneBadEndpointOfACredentialFires(t *testing.T) {
	var names []string
	schedules := map[string]string{}
	for _, letter := range "abcdefghij" {
		names = append(names, string(letter))
		schedules[string(letter)] = "*/1 * * * * *"
	}
	list := keyed(schedules, names...)
	e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}})
	answer := func(name string, second int) int {
		if name == "c" && second >= 20 && second < 50 {
			return 401
		}
		return 200
	}
	got := play(e, list, 0, 80, answer)
	same(t, []string{"21 firing unauthenticated/key 2/10", "59 resolved unauthenticated/key 0/90"}, summaries(got))
	fired := got[0].Incident
	want := []alert.ProbeCount{{Probe: "c", Runs: 10, Bad: 2, LastBad: true}}
	if diff := cmp.Diff(want, fired.BadProbes); fired.Probe != "c" || fired.Rate != 0.2 || diff != "" {
		t.Errorf("want the figures of c alone, got %q %v, -want +got:\n%s", fired.Probe, fired.Rate, diff)
	}
	if got[1].Incident.Probe != "" {
		t.Errorf("want RESOLVED with the figures of the whole group, got those of %q", got[1].Incident.Probe)
	}
}

func TestARareEndpointDoesNotResolveWhileItIsBad(t *testing.T) {
	schedules := map[string]string{"fast-1": "*/1 * * * * *", "fast-2": "*/1 * * * * *", "rare": "*/7 * * * * *"}
	list := keyed(schedules, "fast-1", "fast-2", "rare")
	for _, per := range []alert.Per{alert.PerCredential, alert.PerAll} {
		e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(func(r *alert.Rule) { r.Per = per })}})
		got := play(e, list, 0, 115, func(name string, second int) int {
			if name == "rare" && second < 57 {
				return 401
			}
			return 200
		})
		if len(got) != 2 || got[0].Event != alert.EventFiring || got[1].Event != alert.EventResolved {
			t.Fatalf("per %s: want FIRING and RESOLVED, got %v", per, summaries(got))
		}
		// The last refusal is at 56: the next run of the probe, at 60, is its first good one.
		if end := got[1].At; end.Before(sec(60)) || end.After(sec(66)) {
			t.Errorf("per %s: want RESOLVED between 60 s and 66 s, got %v", per, summaries(got))
		}
	}
}

func TestAGroupResolvesOnlyAfterEachBadProbeHasAGoodRun(t *testing.T) {
	list := keyed(map[string]string{"often": "*/1 * * * * *", "slow": "0 */1 * * * *"}, "often", "slow")
	e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}})
	got := play(e, list, 0, 121, func(_ string, second int) int {
		if second < 5 {
			return 401
		}
		return 200
	})
	// Both are refused until 5 s. From 15 s on the window is good, but slow has its first good run at 60 s.
	same(t, []string{"3 firing unauthenticated/key 5/5", "60 resolved unauthenticated/key 0/11"}, summaries(got))
	if got[0].Incident.Probe != "" {
		t.Errorf("want the whole group to fire, got the probe %q", got[0].Incident.Probe)
	}
}

func TestAnOldBadRunOfARareProbeDoesNotHoldAnIncidentOpen(t *testing.T) {
	list := keyed(map[string]string{"often": "*/1 * * * * *", "weekly": "@every 168h"}, "often", "weekly")
	e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}})
	e.Observe(result("weekly", sec(-86400), 401))
	got := play(e, list[:1], 0, 60, func(_ string, second int) int { return map[bool]int{true: 401, false: 200}[second < 10] })
	same(t, []string{"4 firing unauthenticated/key 5/5", "19 resolved unauthenticated/key 0/9"}, summaries(got))
}

func TestAGroupContinuesAfterARestart(t *testing.T) {
	list := keyed(map[string]string{"often": "*/1 * * * * *", "rare": "*/7 * * * * *"}, "often", "rare")
	options := alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}}
	answer := func(name string, second int) int {
		return map[bool]int{true: 401, false: 200}[name == "rare" && second < 50]
	}
	var seen []*probe.Result
	first := engine(t, options)
	fired := play(first, list, 0, 30, answer)
	for second := range 30 {
		seen = append(seen, result("often", sec(second), 200))
	}
	for _, second := range []int{0, 7, 14, 21, 28} {
		seen = append(seen, result("rare", sec(second), 401))
	}
	slices.SortStableFunc(seen, func(a, b *probe.Result) int { return a.End.Compare(b.End) })
	if len(fired) != 1 {
		t.Fatalf("want one FIRING, got %v", summaries(fired))
	}
	second := restarted(t, options, []alert.SeriesState{fired[0].State}, seen, 31)
	got := play(second, list, 31, 70, answer)
	if len(got) != 1 || got[0].Event != alert.EventResolved || got[0].At.Before(sec(50)) {
		t.Errorf("want RESOLVED after the first good run of rare, got %v", summaries(got))
	}
	if _, last := second.Lookback(); last["rare"] != 2 {
		t.Errorf("want two runs of rare recalled, got %v", last)
	}
}

func TestAReloadKeepsTheCountsOfEachProbeInAGroup(t *testing.T) {
	list := keyed(map[string]string{"often": "*/1 * * * * *", "rare": "*/7 * * * * *"}, "often", "rare")
	options := alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}}
	answer := func(name string, second int) int {
		return map[bool]int{true: 401, false: 200}[name == "rare" && second < 50]
	}
	e := engine(t, options)
	got := play(e, list, 0, 30, answer)
	options.Previous = e
	got = append(got, play(engine(t, options), list, 30, 100, answer)...)
	if len(got) != 2 || got[1].Event != alert.EventResolved || got[1].At.Before(sec(50)) {
		t.Errorf("want one incident that ends with the first good run of rare, got %v", summaries(got))
	}
}

// recount returns the runs, and the bad runs, in a window that ends at now: of one probe, or of all when name is empty.
func recount(results []*probe.Result, rule *alert.Rule, name string, now time.Time) (runs, bad int) {
	m := model{rule: *rule}
	for _, r := range results {
		if name == "" || r.Probe == name {
			m.runs = append(m.runs, r)
		}
	}
	return m.count(now)
}

// TestAGroupMatchesTheModel counts every run of a rule over all probes again, and compares. The rule must fire when a probe or the whole
// group crosses, and must not resolve while the last run of a probe is bad.
func TestAGroupMatchesTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		r.Per, r.For, r.Repeat, r.Reopen = alert.PerAll, 0, -1, -1
		names := []string{"a", "b", "c"}
		e, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{r}, Probes: probes(names...)})
		if err != nil {
			t.Fatal(err)
		}
		var results []*probe.Result
		last := map[string]*probe.Result{}
		firing, fired, now := false, time.Time{}, start()
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1, 3, 20}).Draw(t, "seconds")) * time.Second)
			check := func(changes []alert.Transition) {
				for _, c := range changes {
					if firing = c.Event == alert.EventFiring; firing {
						fired = c.At
						continue
					}
					for name, run := range last {
						if bad := probe.MatchAny(r.On, run.Outcome()) && !run.Expected; bad && !run.End.Before(fired) {
							t.Fatalf("%v: resolved, but the last run of %s was bad", c.At.Sub(start()), name)
						}
					}
				}
			}
			check(e.Advance(now))
			latest := result(rapid.SampledFrom(names).Draw(t, "probe"), now, rapid.SampledFrom([]int{200, 200, 404, 500}).Draw(t, "code"))
			results, last[latest.Probe] = append(results, latest), latest
			check(e.Observe(latest))
			for _, name := range append(names, "") {
				runs, bad := recount(results, &r, name, now)
				if over := runs >= r.MinRuns && setting.Share(bad)/setting.Share(runs) >= r.Threshold; over && !firing {
					t.Fatalf("%v: %q has %d bad of %d runs, and nothing fires", now.Sub(start()), name, bad, runs)
				}
			}
		}
	})
}

// BenchmarkObserveGroup measures one run of a rule over 10,000 probes, while all are healthy and while all are bad.
func BenchmarkObserveGroup(b *testing.B) {
	var names []string
	for i := range 10000 {
		names = append(names, "p"+strconv.Itoa(i))
	}
	for name, code := range map[string]int{"healthy": 200, "outage": 500} {
		b.Run(name, func(b *testing.B) {
			r := rule(func(r *alert.Rule) { r.Per, r.Repeat = alert.PerAll, -1 })
			e := engine(b, alert.EngineOptions{Probes: probes(names...), Rules: []alert.Rule{r}})
			results := make([]*probe.Result, len(names))
			for i := range names {
				results[i] = result(names[i], start(), code)
				e.Observe(results[i])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				next := results[i%len(results)]
				next.End = start().Add(time.Duration(i) * time.Millisecond)
				e.Observe(next)
			}
		})
	}
}

func TestAGroupEndsWithoutRecoveryWhenItsBadProbeIsRemoved(t *testing.T) {
	list := keyed(map[string]string{"often": "*/1 * * * * *", "rare": "*/7 * * * * *"}, "often", "rare")
	options := alert.EngineOptions{Probes: list, Rules: []alert.Rule{refusals(nil)}}
	answer := func(name string, _ int) int { return map[bool]int{true: 401, false: 200}[name == "rare"] }
	e := engine(t, options)
	got := play(e, list, 0, 30, answer)
	options.Probes, options.Previous = list[:1], e
	got = append(got, play(engine(t, options), list[:1], 30, 60, answer)...)
	if len(got) != 2 || got[1].Event != alert.EventEnded || got[1].Incident.EndReason != "rare was still bad and is no longer counted here" {
		t.Errorf("want ENDED with a reason about rare, got %v %q", summaries(got), got[len(got)-1].Incident.EndReason)
	}
}
