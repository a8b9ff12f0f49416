package alert_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

// summaries returns one line for each transition: seconds since start, event, rule and series, bad runs of all runs.
func summaries(list []alert.Transition) []string {
	var lines []string
	for _, c := range list {
		lines = append(lines, fmt.Sprintf("%.0f %s %s/%s %d/%d", c.At.Sub(start()).Seconds(), c.Event,
			c.Incident.Rule, c.Incident.Series, c.Incident.Bad, c.Incident.Runs))
	}
	return lines
}

// replay passes one probe's codes, evenly spaced, to an engine, and lets time pass until the end.
func replay(e *alert.Engine, every time.Duration, codes []int, rest time.Duration) []alert.Transition {
	var all []alert.Transition
	at := start()
	for _, code := range codes {
		all = append(all, e.Observe(result("a", at, code))...)
		at = at.Add(every)
	}
	return append(all, e.Advance(at.Add(rest))...)
}

func TestStateMachine(t *testing.T) {
	const every = 10 * time.Second
	for name, test := range map[string]struct {
		rule  func(*alert.Rule)
		codes []int
		rest  time.Duration
		want  []string
	}{
		"fires at the threshold, resolves below clear": {
			nil, codes(8, 200, 2, 500, 30, 200), 0,
			[]string{"90 firing server-errors/a 2/10", "200 resolved server-errors/a 2/21"},
		},
		"one bad run is too few":      {nil, codes(1, 500), time.Hour, nil},
		"too few runs do not fire":    {nil, codes(4, 500), time.Hour, nil},
		"too few runs do not resolve": {nil, codes(5, 500), time.Hour, []string{"40 firing server-errors/a 5/5"}},
		"between clear and threshold nothing changes": {
			func(r *alert.Rule) { r.Clear = 0.05; r.Window = time.Hour }, codes(4, 500, 16, 200, 30, 200), 0,
			[]string{"40 firing server-errors/a 4/5"},
		},
		"it fires when the threshold was held for its time": {
			func(r *alert.Rule) { r.For = time.Minute }, codes(5, 500, 2, 200), 5 * time.Minute,
			[]string{"100 firing server-errors/a 5/7"},
		},
		"it does not fire when the threshold was not held": {
			func(r *alert.Rule) { r.For = 90 * time.Second; r.Threshold = 0.5 }, codes(5, 500, 9, 200), time.Hour, nil,
		},
		"it sends reminders while it fires": {
			func(r *alert.Rule) { r.Repeat = time.Minute }, codes(18, 500), 0,
			[]string{"40 firing server-errors/a 5/5", "100 update server-errors/a 10/10", "160 update server-errors/a 16/16"},
		},
		"it sends no reminders with a negative repeat": {
			func(r *alert.Rule) { r.Repeat = -1 }, codes(5, 500), 48 * time.Hour, []string{"40 firing server-errors/a 5/5"},
		},
		"good runs that leave the window can cross the threshold": {
			func(r *alert.Rule) { r.Threshold = 0.5 }, codes(10, 200, 6, 500), 5 * time.Minute,
			[]string{"330 firing server-errors/a 6/12"},
		},
		"other outcomes do not count": {nil, codes(20, 404), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Rules: []alert.Rule{rule(test.rule)}, Probes: probes("a")})
			if diff := cmp.Diff(test.want, summaries(replay(e, every, test.codes, test.rest))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnExpectedAnswerNeverCounts(t *testing.T) {
	e := engine(t, alert.EngineOptions{
		Rules: []alert.Rule{rule(func(r *alert.Rule) { r.On = sel("401", "unexpected") })}, Probes: probes("a"),
	})
	for i := range 100 {
		r := result("a", start().Add(time.Duration(i)*time.Second), 401)
		r.Expected = true
		if got := e.Observe(r); got != nil {
			t.Fatalf("want no transition, got %v", summaries(got))
		}
	}
	if got := e.Snapshot(start())[0]; got.Runs != 100 || got.Rate != 0 || got.State != alert.Inactive {
		t.Errorf("want 100 runs and no rate, got %+v", got)
	}
}

func TestSeriesOfARule(t *testing.T) {
	all := probes("a", "b", "c", "other")
	all[0].Credential, all[1].Credential, all[2].Credential = "partner", "partner", "none"
	for per, want := range map[alert.Per][]string{
		alert.PerProbe:      {"a", "b", "c"},
		alert.PerCredential: {"partner", "none"},
		alert.PerAll:        {"all"},
	} {
		e := engine(t, alert.EngineOptions{
			Probes: all, Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Per = per; r.Probes = []string{"[a-c]"} })},
		})
		var got []string
		for _, s := range e.Snapshot(start()) {
			if s.Rule == "server-errors" {
				got = append(got, s.Series)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("per %s, -want +got:\n%s", per, diff)
		}
	}
}

func TestAnIncidentDescribesItsRuns(t *testing.T) {
	e := engine(t, alert.EngineOptions{
		Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.On = sel("unexpected"); r.Threshold = 1 })},
	})
	got := replay(e, time.Second, []int{503, 500, 500, 404, 500}, 0)[0]
	if course := got.Incident.Course; len(course) != 12 || course[11].Runs != 5 || course[11].Bad != 5 || course[10].Runs != 0 {
		t.Errorf("want a course of twelve parts with all runs in the last, got %v", course)
	}
	want := alert.Incident{
		ID: got.Incident.ID, Rule: "server-errors", Series: "a", Per: alert.PerProbe, Severity: alert.Critical, Threshold: 1, Clear: 0.5,
		Window: 5 * time.Minute, Since: start(), FirstBad: start(), LastBad: start().Add(4 * time.Second), BadRuns: 5,
		Crossed: start().Add(4 * time.Second), Fired: start().Add(4 * time.Second), Rate: 1, Runs: 5, Bad: 5,
		FiredWith: alert.RunCount{Runs: 5, Bad: 5},
		Classes:   []alert.ClassCount{{probe.ServerError, 500, 3}, {probe.NotFound, 404, 1}, {probe.ServerError, 503, 1}},
		Examples: []alert.Example{
			{Probe: "a", At: start().Add(4 * time.Second), Class: probe.ServerError, Code: 500, Reason: "expected 2xx, got 500"},
			{Probe: "a", At: start().Add(3 * time.Second), Class: probe.NotFound, Code: 404, Reason: "expected 2xx, got 404"},
			{Probe: "a", At: start().Add(2 * time.Second), Class: probe.ServerError, Code: 500, Reason: "expected 2xx, got 500"},
		},
		Labels: map[string]string{"of": "a"}, Condition: alert.ConditionRate,
		Recent: []alert.Mark{
			{Class: probe.ServerError, Bad: true},
			{Class: probe.ServerError, Bad: true},
			{Class: probe.ServerError, Bad: true},
			{Class: probe.NotFound, Bad: true},
			{Class: probe.ServerError, Bad: true},
		},
		Course: got.Incident.Course,
	}
	if diff := cmp.Diff(want, got.Incident); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	now := e.Incidents()
	want.Course = now[0].Course // the chart ends later
	if diff := cmp.Diff([]alert.Incident{want}, now); diff != "" {
		t.Errorf("want the same incident as long as it fires, -want +got:\n%s", diff)
	}
	if len(want.ID) != 12 {
		t.Errorf("want an identifier of 12 digits, got %q", want.ID)
	}
}

func TestAReloadKeepsWhatIsUnchanged(t *testing.T) {
	all := []alert.Rule{ // each is more urgent than the previous ones, so that none covers another
		rule(func(r *alert.Rule) { r.Severity = alert.Info }),
		rule(func(r *alert.Rule) { r.Name = "gone"; r.Severity = alert.Warning }),
		rule(func(r *alert.Rule) { r.Name = "changed" }),
	}
	first := engine(t, alert.EngineOptions{Rules: all, Probes: probes("a", "b")})
	for i := range 5 {
		first.Observe(result("a", start().Add(time.Duration(i)*time.Second), 500))
		first.Observe(result("b", start().Add(time.Duration(i)*time.Second), 500))
	}
	before := first.Incidents()
	all = []alert.Rule{all[0], all[2]}
	all[0].Notify = []string{"ops"}
	all[1].On = sel("502")
	second := engine(t, alert.EngineOptions{Rules: all, Probes: probes("a"), Previous: first})
	if got := second.Next(); got.IsZero() {
		t.Error("want the ends of the incidents due at once")
	}
	notes := map[string]string{}
	for _, c := range second.Advance(start().Add(10 * time.Second)) {
		if c.Event != alert.EventEnded || !c.Incident.Ended() {
			t.Errorf("want only ends, got %+v", c)
		}
		notes[c.Incident.Rule+"/"+c.Incident.Series] = c.Incident.EndReason
	}
	want := map[string]string{
		"gone/a":          "the rule was removed from the configuration or renamed",
		"gone/b":          "the rule was removed from the configuration or renamed",
		"changed/a":       "the rule was changed and starts to count again",
		"changed/b":       "the rule no longer watches this, or it was removed from the configuration",
		"server-errors/b": "the rule no longer watches this, or it was removed from the configuration",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	after := second.Incidents()
	if len(after) != 1 || after[0].ID != before[0].ID || after[0].Runs != 5 {
		t.Errorf("want the incident of the unchanged series to continue, got %+v", after)
	}
}

// TestAnotherProbeInTheListKeepsIncidents adds a probe to the list of a rule per probe, at a reload and at a restart. The incident of the
// probe that stays continues. A rule over all probes begins to count again.
func TestAnotherProbeInTheListKeepsIncidents(t *testing.T) {
	listed := func(per alert.Per, names ...string) []alert.Rule {
		return []alert.Rule{rule(func(r *alert.Rule) { r.Per, r.Probes = per, names })}
	}
	for per, want := range map[alert.Per]int{alert.PerProbe: 0, alert.PerAll: 1} {
		first := engine(t, alert.EngineOptions{Rules: listed(per, "a"), Probes: probes("a", "b")})
		replay(first, time.Second, codes(5, 500), 0)
		options := alert.EngineOptions{Rules: listed(per, "a", "b"), Probes: probes("a", "b")}
		restarted := engine(t, options)
		restarted.Restore(first.States())
		restarted.Resume(start().Add(10 * time.Second))
		options.Previous = first
		for name, second := range map[string]*alert.Engine{"a restart": restarted, "a reload": engine(t, options)} {
			ended := second.Advance(start().Add(11 * time.Second))
			if len(ended) != want || len(second.Incidents()) != 1-want {
				t.Errorf("rule per %s: want %d incident ended by %s, got %v and %d that fire", per, want, name, summaries(ended),
					len(second.Incidents()))
			}
		}
	}
}

func TestALowerThresholdTakesEffectAtTheReload(t *testing.T) {
	first := engine(t, alert.EngineOptions{Rules: []alert.Rule{rule(nil)}, Probes: probes("a")})
	replay(first, time.Second, codes(9, 200, 1, 500), 0)
	second := engine(t, alert.EngineOptions{
		Previous: first, Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Threshold = 0.1 })}, Probes: probes("a"),
	})
	if diff := cmp.Diff([]string{"10 firing server-errors/a 1/10"}, summaries(second.Advance(start().Add(20*time.Second)))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEvaluationContinuesAfterTheClockIsSetBack(t *testing.T) {
	e := engine(t, alert.EngineOptions{Rules: []alert.Rule{rule(nil)}, Probes: probes("a")})
	replay(e, time.Second, codes(5, 500), 0)
	e.Advance(start().Add(time.Minute))
	var got []alert.Transition
	for i := range 40 {
		got = append(got, e.Observe(result("a", start().Add(-24*time.Hour+time.Duration(i)*10*time.Second), 200))...)
	}
	if len(got) != 1 || got[0].Event != alert.EventResolved || got[0].At.After(start().Add(-24*time.Hour+5*time.Minute)) {
		t.Errorf("want the incident resolved within a window by the runs after the step, got %v", summaries(got))
	}
	if late := e.Observe(result("a", start().Add(-24*time.Hour), 500)); late != nil {
		t.Errorf("want no change by one old run, got %v", summaries(late))
	}
}

func TestNewEngineRefusesBadRules(t *testing.T) {
	bad := rule(func(r *alert.Rule) { r.On = nil })
	if _, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{bad}}); err == nil {
		t.Error("want an error for a rule that selects nothing")
	}
	if _, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{rule(nil), rule(nil)}}); err == nil {
		t.Error("want an error for two rules of one name")
	}
}

func TestUnknownProbesAndStoppedRunsAreIgnored(t *testing.T) {
	e := engine(t, alert.EngineOptions{Rules: []alert.Rule{rule(nil)}, Probes: probes("a")})
	e.Observe(&probe.Result{Probe: "a", End: start()})
	e.Observe(result("unknown", start(), 500))
	if got := e.Snapshot(start())[0].Runs; got != 0 {
		t.Errorf("want no runs, got %d", got)
	}
	if next := e.Next(); !next.IsZero() {
		t.Errorf("want nothing due, got %v", next)
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, length := range map[string]time.Duration{"1m": time.Minute, "7d": 7 * 24 * time.Hour} {
		for kind, share := range map[string]int{"healthy": 0, "mixed": 7} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				e := engine(b, alert.EngineOptions{
					Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Window = length; r.Threshold, r.Clear = 0.9, 0.8 })},
				})
				r := result("a", start(), 200)
				bad := result("a", start(), 500)
				e.Observe(bad) // a series allocates some memory once
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					next := r
					if share > 0 && i%share == 0 {
						next = bad
					}
					next.End = start().Add(time.Duration(i) * 10 * time.Millisecond)
					e.Observe(next)
				}
			})
		}
	}
}

func TestNothingIsAllocatedWhenNothingChanges(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: alert.DefaultRules()})
	good, bad := result("a", start(), 200), result("a", start(), 500)
	e.Observe(bad)
	at := start()
	if got := testing.AllocsPerRun(1000, func() {
		for range 10 {
			at = at.Add(time.Second)
			good.End = at
			e.Observe(good)
		}
		bad.End = at
		e.Observe(bad)
	}); got != 0 {
		t.Errorf("want no allocation, got %v a round", got)
	}
}
