package statuspage_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/alerttest"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe"
)

// ending returns what the page says of the end of an incident.
func ending(s *statuspage.Snapshot, i *alert.Incident) string {
	return statuspage.NewIncidentPage(s, i, statuspage.Records{}).Ends
}

// TestTheEstimateOfTheEndHolds compares the number of good runs that the page names with the number that the engine needs.
func TestTheEstimateOfTheEndHolds(t *testing.T) {
	p := probe.Probe{Name: "feed", Path: "/feed/", Schedule: probe.MustSchedule("@every 10s")}
	probe.DefaultDefaults().Apply(&p)
	for _, bad := range []int{2, 4, 12, 60} {
		t.Run(strconv.Itoa(bad), func(t *testing.T) {
			rules := alert.DefaultRules()
			engine := alerttest.Engine(t, alert.EngineOptions{Rules: rules, Probes: []probe.Probe{p}})
			second := 0
			observe := func(runs, code int) {
				for range runs {
					second += 10
					engine.Observe(run("feed", second, code))
				}
			}
			observe(6, http.StatusOK)
			observe(bad, http.StatusInternalServerError)
			firing := engine.Incidents()
			if len(firing) != 1 {
				t.Fatalf("want an incident, got %+v", firing)
			}
			s := &statuspage.Snapshot{Now: alerttest.Second(second), Rules: rules, Firing: firing, Probes: []statuspage.Probe{{Settings: &p}}}
			say := ending(s, &firing[0])
			found := regexp.MustCompile(`^(\d+) more good runs?, about (\d+ min)?`).FindStringSubmatch(say)
			if found == nil {
				t.Fatalf("want a number of runs, got %q", say)
			}
			estimate, _ := strconv.Atoi(found[1])
			needed := 0
			for ; len(engine.Incidents()) > 0 && needed < 100; needed++ {
				observe(1, http.StatusOK)
			}
			if off := needed - estimate; off < -3 || off > 3 { // a part of the course is 25 s
				t.Errorf("the page says %q, the engine needed %d runs", say, needed)
			}
		})
	}
}

func TestWhatEndsAnIncident(t *testing.T) {
	s := snapshot(t, true, "feed")
	rate := s.Firing[0]
	with := func(change func(i *alert.Incident)) *alert.Incident {
		i := rate
		change(&i)
		return &i
	}
	for _, test := range []struct {
		incident *alert.Incident
		want     string
	}{
		{with(func(i *alert.Incident) { i.Resolved = s.Now }), ""},
		{with(func(i *alert.Incident) { i.Condition = alert.ConditionStreak }), "the first good run"},
		{with(func(i *alert.Incident) { i.Condition = alert.ConditionNoData }), "the first run that finishes"},
		{with(func(i *alert.Incident) { i.Condition = alert.ConditionNetwork }), ""},
		{with(func(i *alert.Incident) { i.Rule = "removed" }), "a rate below 5%; it is 53.8% now"},
		{with(func(i *alert.Incident) { i.Counted = s.Now }), "a rate below 5%; it is 53.8% now"},
		{with(func(i *alert.Incident) {
			i.Condition, i.Burn, i.Clear = alert.ConditionBurn, &alert.Burn{Short: 5 * time.Minute}, 0.1
		}), "a rate below 10% in 5 min"},
		{with(func(i *alert.Incident) { i.HeldOpen = 10 * time.Minute }), "; because it flaps, that must last 10 min"},
	} {
		if got := ending(s, test.incident); got != test.want && (test.want == "" || !strings.HasSuffix(got, test.want)) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
