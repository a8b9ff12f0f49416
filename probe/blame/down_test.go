package blame_test

import (
	"testing"

	. "squarewatch/probe/blame"
)

// TestARunBeganWhileOurNetworkWasDown has a check that failed 20 seconds before a run, and one that passed after it.
func TestARunBeganWhileOurNetworkWasDown(t *testing.T) {
	noAnswer := func(o *Observation) { o.Link = LinkNoAnswer }
	failed := with(with(at(0, "a", "", NotConnected), noAnswer), connectivity(false))
	back := with(with(at(20, "b", "", NotConnected), noAnswer), connectivity(true))
	for name, c := range map[string]struct {
		between []Observation
		want    Culprit
	}{
		"nothing was reached in between":         {nil, Network},
		"another check passed in between":        {[]Observation{with(with(at(8, "a", "", NotConnected), noAnswer), connectivity(true))}, API},
		"the target answered in between":         {[]Observation{at(8, "a", "", Good)}, API},
		"the target answered while the run went": {[]Observation{at(19, "a", "", Good), at(20, "c", "", Good)}, API},
	} {
		t.Run(name, func(t *testing.T) {
			seen := append([]Observation{failed}, append(c.between, back)...)
			if got := verdictOf(seen, back); got.Culprit != c.want {
				t.Errorf("want %q, got %+v", c.want, got)
			}
		})
	}
	late := with(with(at(90, "b", "", NotConnected), noAnswer), connectivity(true))
	if got := verdictOf([]Observation{failed, late}, late); got.Culprit != API {
		t.Errorf("want a check that failed long ago ignored, got %+v", got)
	}
}
