package alert_test

import (
	"testing"

	"squarewatch/alert"
)

func TestAGroupNamesProbesThatWereBadBeforeTheStart(t *testing.T) {
	options := groupOptions(nil, everySecond, everySecond)
	e := engine(t, options)
	e.BeginFill(0)
	if got := play(e, options.Probes, 100, 105, only("a", 104, 105)); len(got) > 0 {
		t.Errorf("want nothing before the windows are full, got %v", summaries(got))
	}
	for second := 97; second < 100; second++ {
		e.Fill(result("a", sec(second), 200), 1)
		e.Fill(result("b", sec(second), 401), 1)
	}
	e.EndFill(sec(105))
	got := play(e, options.Probes, 105, 107, func(string, int) int { return 200 })
	if len(got) != 1 || got[0].Event != alert.EventFiring {
		t.Fatalf("want one FIRING, got %v", summaries(got))
	}
	bad := map[string]int{}
	for _, p := range got[0].Incident.BadProbes {
		bad[p.Probe] = p.Bad
	}
	if bad["a"] != 1 || bad["b"] != 3 {
		t.Errorf("want 1 bad run of a and 3 of b, got %v", bad)
	}
}
