package alert_test

import (
	"testing"

	"squarewatch/alert"
)

func TestOverlappingRulesSendOneMessage(t *testing.T) {
	any := func(change func(*alert.Rule)) alert.Rule {
		return short(func(r *alert.Rule) {
			r.Name, r.On = "anything", sel("unexpected")
			if change != nil {
				change(r)
			}
		})
	}
	outage := codes(20, 500, 60, 200)
	for name, test := range map[string]struct {
		rules []alert.Rule
		codes []int
		want  []string
	}{
		"the more specific rule notifies, whatever their order": {
			[]alert.Rule{any(nil), short(nil)}, outage, []string{"4 firing server-errors/a 5/5", "65 resolved server-errors/a 14/59"},
		},
		"a less specific rule that crosses first notifies": {
			[]alert.Rule{any(func(r *alert.Rule) { r.MinRuns = 2 }), short(nil)},
			outage,
			[]string{"1 firing anything/a 2/2", "65 resolved anything/a 14/59"},
		},
		"the more urgent rule notifies too": {
			[]alert.Rule{any(func(r *alert.Rule) { r.MinRuns, r.Severity = 2, alert.Warning }), short(nil)},
			codes(20, 500),
			[]string{"1 firing anything/a 2/2", "4 firing server-errors/a 5/5"},
		},
		"bad runs that only one rule counts are announced": {
			[]alert.Rule{any(nil), short(nil)}, codes(30, 404, 30, 500), []string{"4 firing anything/a 5/5", "59 firing server-errors/a 30/60"},
		},
		"a rule over all probes is covered when each bad probe is announced": {
			[]alert.Rule{any(func(r *alert.Rule) { r.Per = alert.PerAll }), short(nil)}, codes(20, 500), []string{"4 firing server-errors/a 5/5"},
		},
		"a rule for other notifiers notifies too": {
			[]alert.Rule{any(func(r *alert.Rule) { r.Notify = []string{"everybody"} }), short(func(r *alert.Rule) { r.Notify = []string{"ops"} })},
			codes(20, 500),
			[]string{"4 firing server-errors/a 5/5", "4 firing anything/a 5/5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: test.rules})
			same(t, test.want, announcements(feed(e, "a", 0, test.codes...)))
		})
	}
}

func TestACoveredRuleIsShownAsCovered(t *testing.T) {
	any := short(func(r *alert.Rule) { r.Name, r.On = "anything", sel("unexpected") })
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{any, short(nil)}})
	feed(e, "a", 0, codes(20, 500)...)
	if got := e.Snapshot(sec(20))[0]; got.State != alert.Pending || got.CoveredBy != "server-errors a" {
		t.Errorf("want it pending and covered, got %+v", got)
	}
}
