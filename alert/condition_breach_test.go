package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// guardOptions returns options with one guarded probe.
func guardOptions() alert.EngineOptions {
	list := probes("a")
	list[0].Guards = probe.GuardAccess
	return alert.EngineOptions{Probes: append(list, probes("b")...)}
}

// guarded returns a result of the guarded probe: 200 is a breach, 401 is the expected refusal, and other codes show nothing.
func guarded(at time.Time, code int) *probe.Result {
	r := result("a", at, code)
	r.Breach, r.Expected = code == 200, code == 401
	return r
}

// guard passes runs of the guarded probe to an engine. every is the time between two runs, in seconds.
func guard(e *alert.Engine, from, every int, codes ...int) []string {
	var all []alert.Transition
	for i, code := range codes {
		all = append(all, e.Observe(guarded(sec(from+i*every), code))...)
	}
	return summaries(all)
}

func TestABreachFiresAtOnceAndEndsAfterFiveRefusals(t *testing.T) {
	e := engine(t, guardOptions())
	got := e.Observe(guarded(sec(1), 200))
	same(t, []string{"1 firing access/a 1/1"}, summaries(got))
	if got[0].Incident.Severity != alert.Critical || got[0].Notify != nil || len(got[0].Incident.Examples) != 1 {
		t.Errorf("want a critical incident with its run, for all notifiers, got %+v", got[0])
	}
	same(t, []string{"14401 update access/a 1/1"}, summaries(e.Advance(sec(14401))))
	// a run that shows nothing does not count as a refusal, and does not restart the count
	same(t, []string{"18300 resolved access/a 0/5"}, guard(e, 18000, 60, 401, 401, 503, 401, 401, 401))
}

func TestABreachThatComesAndGoesIsOneIncident(t *testing.T) {
	e := engine(t, guardOptions())
	same(t, []string{"0 firing access/a 1/1"}, guard(e, 0, 1, 200, 401, 401, 200, 401, 401, 401, 401, 200, 401, 200))
	if incident := e.Incidents()[0]; incident.BadRuns != 4 {
		t.Errorf("want four bad runs in one incident, got %d", incident.BadRuns)
	}
	// five refusals take five seconds, but a minute must pass since the last breach at 10 s
	same(t, nil, guard(e, 11, 1, codes(30, 401)...))
	same(t, []string{"70 resolved access/a 0/30"}, summaries(e.Advance(sec(80))))
}

func TestABreachSurvivesARestart(t *testing.T) {
	options := guardOptions()
	e := engine(t, options)
	guard(e, 0, 60, 200, 401, 401)
	recalled := []*probe.Result{guarded(sec(0), 200), guarded(sec(60), 401), guarded(sec(120), 401)}
	for _, known := range [][]*probe.Result{recalled, recalled[1:], nil} { // also when the breach is no longer in the history
		next := restarted(t, options, e.States(), known, 150)
		same(t, nil, guard(next, 180, 60, 401, 401))
		got := guard(next, 300, 60, 401, 401, 401)
		if len(got) != 1 {
			t.Errorf("want it resolved once after five refusals, got %v", got)
		}
	}
	if _, runs := e.Lookback(); runs["a"] < 5 {
		t.Errorf("want the last five runs of the probe asked for, got %d", runs["a"])
	}
}

func TestAGuardedProbeThatWasAlwaysRefusedIsInactive(t *testing.T) {
	e := engine(t, guardOptions())
	same(t, nil, guard(e, 0, 60, 401, 401, 503, 401, 401, 401, 401))
}
