package probe_test

import (
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestAnswersThatAreCutShortAreNoLeak has a guarded endpoint that answers 200 and breaks off. The cases differ in the runs before that.
func TestAnswersThatAreCutShortAreNoLeak(t *testing.T) {
	half, whole := aisquaretest.Fault{Break: aisquaretest.BreakBody}, aisquaretest.Fault{}
	for name, c := range map[string]struct {
		feed   aisquaretest.Fault
		before int // runs of the guard that are cut short
		whole  int // then runs of the guard that are refused, as they must be
		breach bool
		blame  probe.Blame
	}{
		"once":                                 {whole, 0, 0, false, probe.BlameAPI},
		"twice":                                {whole, 1, 0, true, probe.BlameLeak},
		"twice, and refused in between":        {whole, 1, 4, true, probe.BlameLeak},
		"twice, and refused often in between":  {whole, 1, 5, false, probe.BlameAPI},
		"twice, and another probe gets it too": {half, 3, 0, false, probe.BlameAPI},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, run := newLoginFixture(t, aisquaretest.Options{}), runner(t)
				guard, feed := m.guard(t), m.job(t, probe.Probe{Name: "feed", Path: feedPath})
				m.api.SetFault(feedPath, c.feed)
				run(feed)
				m.api.SetFault(collectionsPath, half)
				for range c.before {
					run(guard)
					<-time.After(time.Minute)
				}
				m.api.ClearFault(collectionsPath)
				for range c.whole {
					run(guard)
				}
				m.api.SetFault(collectionsPath, half)
				if r := run(guard); r.Breach != c.breach || r.Blame != c.blame || r.Expected {
					t.Errorf("want breach %v and blame %q, got %v and %q (%s): %s", c.breach, c.blame, r.Breach, r.Blame, because(r), r.Reason)
				}
			})
		})
	}
}
