package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// TestAPageOfAGatewayCountsAs503 uses the default rules. A gateway shows a maintenance page with 200 for the whole site.
func TestAPageOfAGatewayCountsAs503(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*probe.Result)
		fires  bool
	}{
		"a page of a gateway":      {func(r *probe.Result) { r.Blame = probe.BlameGateway }, true},
		"a wrong answer":           {func(r *probe.Result) { r.Blame = probe.BlameAPI }, false},
		"a page that is expected":  {func(r *probe.Result) { r.Blame, r.Expected = probe.BlameGateway, true }, false},
		"a redirect of a gateway":  {func(r *probe.Result) { r.Blame, r.Class, r.Code = probe.BlameGateway, probe.Redirect, 302 }, false},
		"access by a breach alone": {func(r *probe.Result) { r.Blame, r.Breach = probe.BlameGateway, true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: alert.DefaultRules()})
			fires := false
			for i := range 60 {
				end := time.Date(2026, 3, 1, 2, 0, 10*i, 0, time.UTC)
				r := &probe.Result{Probe: "a", Start: end, End: end, Class: probe.Success, Code: 200}
				c.change(r)
				for _, change := range e.Observe(r) {
					fires = fires || change.Event == alert.EventFiring && change.Incident.Rule == "server-errors"
				}
			}
			if fires != c.fires {
				t.Errorf("want server-errors to fire: %v, got %v", c.fires, fires)
			}
		})
	}
}
