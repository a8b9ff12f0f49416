package alert_test

import (
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// groupOptions returns options with the probes a, b and so on. They share one credential, and each has its own schedule.
func groupOptions(change func(*alert.Rule), schedules ...string) alert.EngineOptions {
	byName := map[string]string{}
	var names []string
	for i, schedule := range schedules {
		name := string(rune('a' + i))
		byName[name] = schedule
		names = append(names, name)
	}
	return alert.EngineOptions{Probes: keyed(byName, names...), Rules: []alert.Rule{refusals(change)}}
}

const everySecond, everyOther, everyFifteen = "*/1 * * * * *", "*/2 * * * * *", "*/15 * * * * *"

// only returns a function that answers 401 for one probe from second from until before second until, and 200 otherwise.
func only(refused string, from, until int) func(string, int) int {
	return func(name string, second int) int {
		if name == refused && second >= from && second < until {
			return 401
		}
		return 200
	}
}

func TestAGroupWaitsForItsBadProbeAfterALongStop(t *testing.T) {
	options := groupOptions(nil, everySecond, everyOther)
	first := engine(t, options)
	fired := play(first, options.Probes, 0, 30, only("b", 0, 1000))
	if len(fired) != 1 {
		t.Fatalf("want one FIRING, got %v", summaries(fired))
	}
	states := first.States()
	second := restarted(t, options, states, nil, 200) // longer than the window: no run is recalled
	quiet := play(second, options.Probes[:1], 201, 240, only("b", 0, 1000))
	for _, c := range append(quiet, play(second, options.Probes, 240, 270, only("b", 0, 1000))...) {
		if c.Incident.Rule != alert.NoDataRule {
			t.Errorf("want no message while b is bad, got %v", summaries([]alert.Transition{c}))
		}
	}
	got := play(second, options.Probes, 270, 300, only("b", 0, 1))
	if len(got) != 1 || got[0].Event != alert.EventResolved || got[0].At.Before(sec(270)) {
		t.Errorf("want RESOLVED after the first good run of b, got %v", summaries(got))
	}
}

func TestAnIncidentOfAGroupEndsAfterItsProbesBecameRare(t *testing.T) {
	options := groupOptions(nil, everySecond, everySecond)
	first := engine(t, options)
	got := play(first, options.Probes, 0, 20, func(string, int) int { return 401 })
	slow := groupOptions(nil, everyFifteen, everyFifteen)
	slow.Previous = first
	got = append(got, play(engine(t, slow), slow.Probes, 20, 100, func(string, int) int { return 200 })...)
	if len(got) != 2 || got[1].Event != alert.EventResolved {
		t.Errorf("want one incident that ends, got %v", summaries(got))
	}
}

func TestAChangedScheduleDoesNotEndAnIncident(t *testing.T) {
	per := func(r *alert.Rule) { r.Per, r.Name = alert.PerProbe, "refused" }
	options := groupOptions(per, everySecond)
	first := engine(t, options)
	got := play(first, options.Probes, 0, 20, only("a", 0, 1000))
	slow := groupOptions(per, everyFifteen)
	slow.Previous = first
	second := engine(t, slow)
	got = append(got, play(second, slow.Probes, 20, 80, only("a", 0, 1000))...)
	got = append(got, play(second, slow.Probes, 80, 100, only("a", 0, 1))...)
	if len(got) != 2 || got[0].Event != alert.EventFiring || got[1].Event != alert.EventResolved {
		t.Errorf("want one incident, resolved by the first good run, got %v", summaries(got))
	}
}

func TestAnIncidentWaitsForAProbeThatWasRemovedAndAddedAgain(t *testing.T) {
	options := groupOptions(nil, everySecond, everyOther)
	e := engine(t, options)
	got := play(e, options.Probes, 0, 20, only("b", 0, 1000))
	without := options
	without.Probes, without.Previous = options.Probes[:1], e
	e = engine(t, without)
	options.Previous = e
	e = engine(t, options)
	got = append(got, play(e, options.Probes, 21, 60, only("b", 0, 30))...)
	if len(got) != 2 || got[1].Event != alert.EventResolved || got[1].Incident.EndReason != "" {
		t.Errorf("want RESOLVED without a reason, got %v %q", summaries(got), got[len(got)-1].Incident.EndReason)
	}
}

func TestARestartEndsIncidentsOfRemovedProbesAndChangedRules(t *testing.T) {
	options := groupOptions(nil, everySecond, everyOther)
	first := engine(t, options)
	play(first, options.Probes, 0, 20, only("b", 0, 1000))
	t.Run("a probe is removed", func(t *testing.T) {
		removed := options
		removed.Probes = options.Probes[:1]
		e := restarted(t, removed, first.States(), nil, 21)
		got := append(e.Advance(sec(22)), play(e, removed.Probes, 22, 60, only("b", 0, 1000))...)
		if len(got) != 1 || got[0].Event != alert.EventEnded || !strings.Contains(got[0].Incident.EndReason, "b was still bad") {
			t.Errorf("want ENDED with a reason about b, got %v", summaries(got))
		}
	})
	t.Run("the rule counts other answers", func(t *testing.T) {
		changed := groupOptions(func(r *alert.Rule) { r.On = sel("403") }, everySecond, everyOther)
		got := restarted(t, changed, first.States(), nil, 21).Advance(sec(22))
		if len(got) != 1 || got[0].Event != alert.EventEnded || !strings.Contains(got[0].Incident.EndReason, "rule was changed") {
			t.Errorf("want ENDED with a reason about the rule, got %v", summaries(got))
		}
	})
}

func TestServerErrorsAreAnnouncedDuringARefusedCredential(t *testing.T) {
	options := groupOptions(nil, everySecond, everySecond, everySecond)
	any := refusals(func(r *alert.Rule) { r.Name, r.On, r.Per = "anything", sel("unexpected"), alert.PerAll })
	options.Rules = append(options.Rules, any)
	e := engine(t, options)
	var got []alert.Transition
	for second := range 60 {
		for i := range options.Probes {
			r := result(options.Probes[i].Name, sec(second), 401)
			r.Credential, r.Blame = "key", probe.BlameCredential
			if r.Probe == "c" && second > 20 {
				r = result("c", sec(second), 500)
			}
			got = append(got, e.Observe(r)...)
		}
	}
	if len(got) != 2 || got[1].Incident.Rule != "anything" || got[1].At.After(sec(32)) {
		t.Errorf("want the 500s of c announced soon after 20 s, got %v", summaries(got))
	}
}

func TestBadTimeOfARareProbeBeginsWithItsFirstBadRun(t *testing.T) {
	options := groupOptions(nil, everySecond, everyFifteen)
	got := play(engine(t, options), options.Probes, 0, 100, only("b", 30, 61))
	if len(got) != 2 {
		t.Fatalf("want one incident, got %v", summaries(got))
	}
	if i := got[0].Incident; !i.Since.Equal(sec(30)) || i.BadRuns != 2 {
		t.Errorf("want it to begin at 30 s with two bad runs, got %v and %d runs", i.Since.Sub(start()), i.BadRuns)
	}
	if i := got[1].Incident; i.BadRuns != 3 || !i.LastBad.Equal(sec(60)) {
		t.Errorf("want three bad runs until 60 s, got %d until %v", i.BadRuns, i.LastBad.Sub(start()))
	}
}

func TestARulePerProbeAndARuleOverAllProbesNotifyOnce(t *testing.T) {
	list := probes("a", "b", "c", "d", "e")
	each := short(func(r *alert.Rule) { r.Window, r.Threshold, r.Clear = 10*time.Second, 0.2, 0.05 })
	all := short(func(r *alert.Rule) {
		r.Window, r.Threshold, r.Clear, r.Name, r.Per = 10*time.Second, 0.2, 0.05, "api-down", alert.PerAll
	})
	e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{each, all}})
	var rules []string
	for second := range 40 {
		for i := range list {
			code := 200
			if second >= 20 {
				code = 500
			}
			for _, c := range e.Observe(result(list[i].Name, sec(second).Add(time.Duration(i)*150*time.Millisecond), code)) {
				rules = append(rules, c.Incident.Rule)
			}
		}
	}
	same(t, []string{"server-errors", "server-errors", "server-errors", "server-errors", "server-errors"}, rules)
}

func TestTheEndOfASilenceAnnouncesNoCoveredIncident(t *testing.T) {
	any := short(func(r *alert.Rule) { r.Name, r.On = "anything", sel("unexpected") })
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil), any}})
	e.Mute([]alert.Silence{{ID: "s", Rules: []string{"server-errors"}, From: start(), Until: sec(30)}}, start())
	got := feed(e, "a", 1, codes(60, 500, 100, 200)...)
	var lines []string
	for _, c := range got {
		if !c.Muted && !c.Reannounced {
			lines = append(lines, string(c.Event)+" "+c.Incident.Rule)
		}
	}
	same(t, []string{"firing anything", "resolved anything"}, lines)
}

func TestAnIncidentThatWasNotDeliveredDoesNotCoverAnother(t *testing.T) {
	any := short(func(r *alert.Rule) { r.Name, r.On = "anything", sel("unexpected") })
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil), any}})
	fired := feed(e, "a", 0, codes(10, 500)...)
	same(t, []string{"4 firing server-errors/a 5/5"}, summaries(fired))
	e.Mute([]alert.Silence{{ID: "s", Rules: []string{"server-errors"}, From: sec(10), Until: sec(3600)}}, sec(10))
	e.Unannounce(fired[0].Incident.ID)
	got := announcements(feed(e, "a", 11, codes(20, 500)...))
	if len(got) != 1 || !strings.Contains(got[0], "firing anything/a") {
		t.Errorf("want the other rule announced, got %v", got)
	}
}

func TestTimeWithoutSquarewatchDoesNotEndAFlappingIncident(t *testing.T) {
	options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) {
		r.Window, r.MinRuns, r.Reopen = 10*time.Second, 3, time.Minute
	})}}
	e := engine(t, options)
	feed(e, "a", 0, append(codes(20, 500, 20, 200), codes(20, 500, 20, 200, 20, 500, 15, 200)...)...)
	states := e.States()
	if len(states) != 1 || !states[0].Flapping {
		t.Fatalf("want a flapping incident, got %+v", states)
	}
	second := restarted(t, options, states, nil, 300)
	got := feed(second, "a", 301, codes(100, 200)...)
	if len(got) != 1 || got[0].At.Before(sec(355)) {
		t.Errorf("want RESOLVED about a minute after the restart, got %v", summaries(got))
	}
}

func TestAReminderShowsTheProbeThatTheIncidentWaitsFor(t *testing.T) {
	options := groupOptions(func(r *alert.Rule) { r.Repeat = 10 * time.Second }, everySecond, "*/30 * * * * *")
	got := play(engine(t, options), options.Probes, 25, 59, func(name string, second int) int {
		return map[bool]int{true: 401, false: 200}[name == "a" && second < 35 || name == "b" && second == 30]
	})
	last := got[len(got)-1]
	if last.Event != alert.EventUpdate || last.Incident.Probe != "b" || last.Incident.Bad != 1 {
		t.Errorf("want a reminder with the figures of b, got %v of %q", summaries(got), last.Incident.Probe)
	}
}

func TestTheDeclaredTimeDoesNotIncludePauses(t *testing.T) {
	quick := rule(func(r *alert.Rule) { r.Window, r.MinRuns = 10*time.Second, 3 })
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{quick}})
	got := feed(e, "a", 0, codes(20, 500, 60, 200, 20, 500, 60, 200)...)
	if len(got) != 4 {
		t.Fatalf("want FIRING and RESOLVED twice, got %v", summaries(got))
	}
	want := got[1].At.Sub(got[0].At) + got[3].At.Sub(got[2].At)
	if declared := got[3].Incident.Declared(); declared != want {
		t.Errorf("want %v, the sum of both times from FIRING to RESOLVED, got %v", want, declared)
	}
}
