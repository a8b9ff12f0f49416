package probe_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func TestConfirmTriesAgainAndRecordsEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		j := m.job(t, probe.Probe{Path: discovery, Confirm: &probe.Confirm{Attempts: 3, Delay: time.Second}})
		m.api.SetFault(discovery, aisquaretest.Fault{Status: 500, Rate: 0.5})
		m.job(t, probe.Probe{Path: discovery}).Run(t.Context(), time.Now()) // so that the next request fails
		start := time.Now()
		r := j.Run(t.Context(), start)
		if !r.Expected || causes(r) != "first confirm" || r.Attempts[0].Code != 500 || r.Code != 200 {
			t.Errorf("want 500 then a confirming 200, got expected=%v %q %d (%s)", r.Expected, causes(r), r.Code, r.Reason)
		}
		if r.End.Sub(start) != time.Second || r.Latency() != 0 {
			t.Errorf("want 1s in all and the first attempt's latency, got %v and %v", r.End.Sub(start), r.Latency())
		}
		m.api.SetFault(discovery, aisquaretest.Fault{Status: 500})
		if r := j.Run(t.Context(), time.Now()); r.Expected || causes(r) != "first confirm confirm" ||
			!strings.Contains(r.Reason, "answered 500") {
			t.Errorf("want three tries and an unexpected answer, got expected=%v %q (%s)", r.Expected, causes(r), r.Reason)
		}
		breach := m.job(t, probe.Probe{
			Path: discovery, Expect: probe.Expect{Status: selectors("401")}, Guards: probe.GuardAccess,
			Confirm: &probe.Confirm{Attempts: 3, Delay: time.Second},
		})
		m.api.ClearFaults()
		if r := breach.Run(t.Context(), time.Now()); !r.Breach || len(r.Attempts) != 1 {
			t.Errorf("a breach: want it reported after one try, got breach=%v after %d", r.Breach, len(r.Attempts))
		}
	})
}

// TestAServerThatAsksForAPauseIsNotAskedAgain has an answer with Retry-After, which RFC 6585, section 4, allows for a 429.
func TestAServerThatAsksForAPauseIsNotAskedAgain(t *testing.T) {
	for pause, attempts := range map[string]int{"60": 1, "1": 3, "": 3} {
		synctest.Test(t, func(t *testing.T) {
			m := newLoginFixture(t, aisquaretest.Options{})
			m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 429, Header: http.Header{"Retry-After": {pause}}})
			r := m.job(t, probe.Probe{
				Path: collectionsPath, Credential: "key", Confirm: &probe.Confirm{Attempts: 3, Delay: 2 * time.Second},
			}).Run(t.Context(), time.Now())
			if len(r.Attempts) != attempts {
				t.Errorf("Retry-After %q: want %d attempts, got %d", pause, attempts, len(r.Attempts))
			}
		})
	}
}
