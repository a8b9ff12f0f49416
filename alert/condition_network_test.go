package alert_test

import (
	"testing"

	"squarewatch/alert"
	"squarewatch/probe"
)

// networkRun returns a run of probe a. If down is true, it failed because of our own network.
func networkRun(at int, down bool) *probe.Result {
	r := result("a", sec(at), 200)
	if down {
		r.Class, r.Code, r.Expected, r.Blame = probe.ConnectError, 0, false, probe.BlameNetwork
	}
	return r
}

// watchNetwork returns an engine with a rule that counts every unexpected run. The built-in rule network counts failures of our own
// network.
func watchNetwork(t *testing.T) *alert.Engine {
	t.Helper()
	return engine(t, alert.EngineOptions{
		Probes: probes("a", "b"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.On = sel("unexpected") })},
	})
}

func TestOnlyTheNetworkRuleCountsFailuresOfOurNetwork(t *testing.T) {
	e := watchNetwork(t)
	var got []alert.Transition
	for i := range 20 {
		got = append(got, e.Observe(networkRun(i, i < 10))...)
	}
	got = append(got, e.Advance(sec(600))...)
	same(t, []string{"0 firing network/all 1/1", "69 resolved network/all 10/10"}, summaries(got))
	same(t, []string{"69 resolved network/all 10/10"}, announcements(got))
}

func TestAFlappingNetworkIsAnnouncedOnce(t *testing.T) {
	e := watchNetwork(t)
	var got []alert.Transition
	for i := range 90 {
		down := i < 20 || i == 22 || i >= 60 && i < 70 // the run at 22 s began before the link came back
		got = append(got, e.Observe(networkRun(i, down))...)
	}
	got = append(got, e.Advance(sec(600))...)
	same(t, []string{"129 resolved network/all 31/31"}, announcements(got))
}

func TestAnOutageOfOurNetworkThatLastsIsAnnounced(t *testing.T) {
	e := watchNetwork(t)
	var got []alert.Transition
	for i := 0; i <= 400; i += 10 {
		got = append(got, e.Observe(networkRun(i, i < 350))...)
	}
	got = append(got, e.Advance(sec(600))...)
	same(t, []string{"300 firing network/all 30/30", "400 resolved network/all 35/35"}, announcements(got))
}

func TestANetworkThatWorksAgainIsNotAnnouncedAsDown(t *testing.T) {
	e := watchNetwork(t)
	var got []alert.Transition
	for i := 0; i <= 400; i += 10 {
		got = append(got, e.Observe(networkRun(i, i < 290))...)
	}
	same(t, []string{"340 resolved network/all 29/29"}, announcements(got))
}
