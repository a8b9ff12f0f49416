package statuspage_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestADashboardFindsTheIncident asks with the rule, the series and the time of a metric for the page of an incident.
func TestADashboardFindsTheIncident(t *testing.T) {
	s := snapshot(t, true, "feed")
	newest := s.Firing[0]
	earlier := newest
	earlier.ID, earlier.Fired = "earlier", newest.Fired.Add(-time.Hour)
	s.Ended = append(s.Ended, earlier)
	h := server(t, s)
	at := func(when time.Time) string { return fmt.Sprintf("&at=%d", when.UnixMilli()) }
	for query, want := range map[string]string{
		"": "incident/" + newest.ID, "&at=": "incident/" + newest.ID,
		at(newest.Fired.Add(time.Second)):   "incident/" + newest.ID,
		at(newest.Fired.Add(-time.Minute)):  "incident/earlier",
		at(earlier.Fired.Add(-time.Minute)): "rules/" + newest.Rule,
	} {
		got := get(t, h, "/incident?rule="+newest.Rule+"&series="+newest.Series+query)
		if got.Code != http.StatusFound || got.Header().Get("Location") != want {
			t.Errorf("%q: want a redirect to %s, got %d and %q", query, want, got.Code, got.Header().Get("Location"))
		}
	}
	for _, rule := range []string{"network", "", "%2F%2Fexample.org"} {
		if got := get(t, h, "/incident?rule="+rule+"&series=all").Header().Get("Location"); got != "./" {
			t.Errorf("%s: want the home page for a rule without a page, got %q", rule, got)
		}
	}
}
