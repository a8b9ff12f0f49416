package blame_test

import (
	"testing"
	"time"

	. "squarewatch/probe/blame"
)

// TestAnEndpointMayBecomeGuarded has an endpoint that answered without a credential long ago. A newer release of the API may require one.
func TestAnEndpointMayBecomeGuarded(t *testing.T) {
	j := NewJudge()
	j.ServesWithoutCredential("open", true, begin)
	seen := []Observation{at(400, "a", "k", Refused), at(405, "open", "k", Good), at(410, "a", "k", Refused)}
	for i := range seen {
		j.Observe(&seen[i])
	}
	if got := j.Witness("k", seen[2].End); got != "open" {
		t.Errorf("want the endpoint asked again, got %q", got)
	}
	if got := j.Verdict(&seen[2]); got.Culprit != API {
		t.Errorf("want what was seen long ago forgotten, got %+v", got)
	}
	j.ServesWithoutCredential("open", true, seen[2].End)
	j.ServesWithoutCredential("open", false, begin.Add(time.Second))
	if got := j.Verdict(&seen[2]); got.Culprit == API {
		t.Errorf("want the newest record used, got %+v", got)
	}
}
