package alert_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

func TestASilenceMutesAndItsEndAnnouncesWhatIsNotKnown(t *testing.T) {
	until := sec(100)
	silence := alert.Silence{ID: "s1", Rules: []string{"server-*"}, Probes: []string{"a"}, From: start(), Until: until}
	for name, test := range map[string]struct {
		announced bool // before the silence begins
		codes     []int
		want      []string
	}{
		"it still fires":                       {false, codes(200, 500), []string{"100 firing server-errors/a 59/59"}},
		"it ended and was never announced":     {false, codes(10, 500, 200, 200), nil},
		"it was announced and ended":           {true, codes(200, 200), []string{"0 resolved server-errors/a 5/25"}},
		"it was announced and still fires":     {true, codes(200, 500), nil},
		"it was announced, ended, fires again": {true, codes(40, 200, 160, 500), nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, alert.EngineOptions{Probes: probes("a", "b"), Rules: []alert.Rule{short(nil)}})
			var before []alert.Transition
			if test.announced {
				before = feed(e, "a", -10, codes(5, 500)...)
				if len(announcements(before)) != 1 {
					t.Fatalf("want it announced, got %v", summaries(before))
				}
			}
			got := e.Mute([]alert.Silence{silence}, sec(0))
			for i, code := range test.codes {
				got = append(got, feed(e, "a", i+1, code)...)
			}
			if len(test.want) == 1 && len(announcements(got)) == 1 {
				if at := got[slices.IndexFunc(got, func(c alert.Transition) bool { return !c.Muted })].At; at != until {
					t.Errorf("want it notified when the silence ends, got %v", at)
				}
				if test.want[0][:2] == "0 " { // the announcement shows the incident as it ended
					test.want = []string{announcements(got)[0]}
				}
			}
			same(t, test.want, announcements(got))
		})
	}
}

func TestASilenceOfOneProbeMutesOnlyThatProbe(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a", "b"), Rules: []alert.Rule{short(nil)}})
	e.Mute([]alert.Silence{{ID: "s1", Probes: []string{"a"}, From: start(), Until: sec(1000)}}, sec(0))
	got := feed(e, "a", 1, codes(5, 500)...)
	got = append(got, feed(e, "b", 6, codes(5, 500)...)...)
	same(t, []string{"10 firing server-errors/b 5/5"}, announcements(got))
	if status := e.Snapshot(sec(20)); !status[0].SilencedUntil.Equal(sec(1000)) || !status[1].SilencedUntil.IsZero() {
		t.Errorf("want only the first silenced, got %+v", status)
	}
}

func TestMaintenanceRecursInItsTimeZone(t *testing.T) {
	nightly := alert.Maintenance{Name: "nightly", Schedule: probe.MustSchedule("CRON_TZ=Europe/Berlin 0 5 * * *"), Duration: time.Hour}
	if err := nightly.Validate(); err != nil {
		t.Fatal(err)
	}
	// start is 03:00 UTC, 05:00 in Berlin in October.
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}, Maintenance: []alert.Maintenance{nightly}})
	got := feed(e, "a", 1, codes(10, 500)...)
	same(t, nil, announcements(got))
	same(t, []string{"3600 firing server-errors/a 5/5"}, announcements(e.Advance(sec(3601))))
	next := e.Advance(sec(24 * 3600))
	same(t, []string{
		"18000 update server-errors/a 5/5",
		"32400 update server-errors/a 5/5",
		"46800 update server-errors/a 5/5",
		"61200 update server-errors/a 5/5",
		"75600 update server-errors/a 5/5",
	}, announcements(next))
}

func TestEndsDuringMaintenanceShareADigest(t *testing.T) {
	rules := []alert.Rule{ // the second is more urgent, so that the first does not cover it
		short(func(r *alert.Rule) { r.Severity = alert.Warning }), short(func(r *alert.Rule) { r.Name = "any"; r.On = sel("unexpected") }),
	}
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: rules})
	feed(e, "a", 0, codes(5, 500)...)
	got := e.Mute([]alert.Silence{{ID: "s1", From: start(), Until: sec(200)}}, sec(5))
	got = append(got, feed(e, "a", 6, codes(250, 200)...)...)
	var digests []string
	for _, c := range got {
		if !c.Muted {
			digests = append(digests, string(c.Event)+" "+c.Digest)
		}
	}
	if len(digests) != 2 || digests[0] != digests[1] || digests[0] == "resolved " {
		t.Errorf("want both resolved in one message, got %q", digests)
	}
}

func TestAChildDoesNotFireWhileItsParentIsDown(t *testing.T) {
	list := probes("reach", "child")
	list[1].DependsOn = []string{"reach"}
	e := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{short(nil)}})
	var got []alert.Transition
	for i := range 60 {
		got = append(got, feed(e, "reach", i, 500)...)
		got = append(got, feed(e, "child", i, 500)...)
	}
	same(t, []string{"4 firing server-errors/reach 5/5"}, summaries(got))
	got = nil
	for i := range 100 { // the parent and the child are good again
		got = append(got, feed(e, "reach", 60+i, 200)...)
		got = append(got, feed(e, "child", 60+i, 200)...)
	}
	if len(got) != 1 || got[0].Event != alert.EventResolved {
		t.Errorf("want RESOLVED of the parent alone, got %v", summaries(got))
	}
	got = nil
	for i := range 100 { // only the child fails
		got = append(got, feed(e, "reach", 200+i, 200)...)
		got = append(got, feed(e, "child", 200+i, 500)...)
	}
	if len(got) != 1 || got[0].Incident.Series != "child" {
		t.Errorf("want the child notified, got %v", summaries(got))
	}
}

func TestARefusedCredentialSendsOneMessage(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
	list := probes(names...)
	for i := range list {
		list[i].Credential = "partner"
	}
	rules := []alert.Rule{
		short(func(r *alert.Rule) { r.On = sel("unexpected") }),
		short(func(r *alert.Rule) { r.Name, r.On, r.Per = "unauthenticated", sel("401"), alert.PerCredential }),
	}
	e := engine(t, alert.EngineOptions{Probes: list, Rules: rules})
	var got []alert.Transition
	refused := func(second, code int) {
		for _, name := range names {
			r := result(name, sec(second), code)
			if code == 401 {
				r.Credential, r.Blame = "partner", probe.BlameCredential
			}
			got = append(got, e.Observe(r)...)
		}
	}
	for i := range 60 {
		refused(i, 401)
	}
	if len(got) != 1 || got[0].Incident.Rule != "unauthenticated" {
		t.Fatalf("want one message about the credential, got %v", summaries(got))
	}
	for i := range 200 {
		refused(60+i, 200)
	}
	if len(got) != 2 || got[1].Event != alert.EventResolved {
		t.Errorf("want only RESOLVED, got %v", summaries(got))
	}
}

func TestOldServerErrorsAreOverdue(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}, SupportAfter: 30 * time.Minute})
	got := feed(e, "a", 0, codes(2000, 500)...)
	same(t, []string{"4 firing server-errors/a 5/5", "1804 update server-errors/a 59/59"}, summaries(got))
	if !got[1].Incident.Overdue || got[0].Incident.Overdue {
		t.Error("want only the second overdue")
	}
}

func TestAnAcknowledgedIncidentSendsNoReminders(t *testing.T) {
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.Repeat = time.Minute })}})
	got := feed(e, "a", 0, codes(5, 500)...)
	more, err := e.Acknowledge(got[0].Incident.ID, "U1", sec(10))
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{"10 update server-errors/a 5/5"}, summaries(more))
	if ack := more[0].Incident.Acknowledged; ack == nil || ack.By != "U1" {
		t.Errorf("want who acknowledged, got %+v", ack)
	}
	same(t, nil, summaries(feed(e, "a", 11, codes(300, 500)...)))
	if _, err := e.Acknowledge("nothing", "U1", sec(400)); err == nil {
		t.Error("want an error for an incident that does not fire")
	}
}

func TestARestartNeitherRepeatsNorLosesAnIncident(t *testing.T) {
	options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}}
	first := engine(t, options)
	fired := feed(first, "a", 0, codes(6, 500)...)
	if len(fired) != 1 {
		t.Fatalf("want it to fire, got %v", summaries(fired))
	}
	var seen []*probe.Result
	for i := range 6 {
		seen = append(seen, result("a", sec(i), 500))
	}
	second := restarted(t, options, []alert.SeriesState{fired[0].State}, seen, 20)
	same(t, nil, summaries(second.Advance(sec(21))))
	after := second.Incidents()
	if len(after) != 1 || after[0].ID != fired[0].Incident.ID || after[0].Runs != 6 || len(after[0].Examples) != 3 {
		t.Errorf("want the incident to continue, with its runs and its stored examples, got %+v", after)
	}
	same(t, nil, summaries(feed(second, "a", 22, codes(5, 500)...)))
	over := feed(second, "a", 60, codes(60, 200)...)
	if len(over) != 1 || over[0].Event != alert.EventResolved || over[0].Incident.ID != fired[0].Incident.ID || over[0].Muted {
		t.Errorf("want it over, got %v", summaries(over))
	}
	if got, want := over[0].Incident.FiredWith, (alert.RunCount{Runs: 5, Bad: 5}); got != want {
		t.Errorf("want what was counted when it fired, %+v, got %+v", want, got)
	}
}

func TestAGapDoesNotFire(t *testing.T) {
	options := alert.EngineOptions{
		Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.MinRuns = 2; r.Window = 10 * time.Minute })},
	}
	var seen []*probe.Result
	for i := range 10 { // half of the window is good, and leaves it during the gap
		seen = append(seen, result("a", sec(i*30), map[bool]int{true: 200, false: 500}[i < 6]))
	}
	e := restarted(t, options, nil, seen, 770)
	same(t, nil, summaries(e.Advance(sec(800))))
	same(t, nil, summaries(feed(e, "a", 801, 200)))
	got := feed(e, "a", 802, 500, 500, 500)
	if len(got) != 1 || got[0].Event != alert.EventFiring {
		t.Errorf("want it to fire by the runs after the gap, got %v", summaries(got))
	}
}

func TestAGapDoesNotCountForAPendingAlert(t *testing.T) {
	options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.For = time.Minute })}}
	e := engine(t, options)
	same(t, nil, summaries(feed(e, "a", 0, codes(30, 500)...)))
	e.Gap("a", sec(90))
	// The threshold was held from 4 s to 29 s, and again from 90 s on.
	same(t, []string{"125 firing server-errors/a 34/34"}, summaries(feed(e, "a", 91, codes(50, 500)...)))
	got := feed(e, "a", 141, codes(30, 500)...)
	same(t, nil, summaries(got))
}

func TestARemovedRuleEndsItsIncidentAfterARestart(t *testing.T) {
	state := alert.SeriesState{Rule: "gone", Series: "a", State: alert.Firing, Announced: true, Fired: sec(-100), Crossed: sec(-100)}
	e := restarted(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}}, []alert.SeriesState{state}, nil, 0)
	got := e.Advance(sec(1))
	if len(got) != 1 || got[0].Event != alert.EventEnded || got[0].Muted || !got[0].Incident.Ended() {
		t.Errorf("want ENDED with a reason, got %+v", got)
	}
	if diff := cmp.Diff(alert.Inactive, got[0].State.State); diff != "" {
		t.Error(diff)
	}
}

func TestLookbackCoversEveryRule(t *testing.T) {
	list := []probe.Probe{scheduled("often", "@every 10s"), scheduled("rare", "@every 1h")}
	all, last := engine(t, alert.EngineOptions{Probes: list, Rules: []alert.Rule{rule(nil)}}).Lookback()
	if all != 5*time.Minute || last["rare"] != 2 || last["often"] != 0 {
		t.Errorf("want five minutes and two runs of the rare one, got %v %v", all, last)
	}
}

// overWhileSilenced returns an engine with one incident, which was announced before a silence and ended during it.
func overWhileSilenced(t *testing.T) (*alert.Engine, alert.SeriesState) {
	t.Helper()
	e := engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}})
	feed(e, "a", 0, codes(5, 500)...)
	e.Mute([]alert.Silence{{ID: "s1", From: start(), Until: sec(1000)}}, sec(5))
	over := feed(e, "a", 6, codes(100, 200)...)
	if len(over) != 1 || !over[0].Muted || over[0].State.Owed == nil {
		t.Fatalf("want an end that is owed, got %+v", over)
	}
	return e, over[0].State
}

func TestAnOwedEndOfARemovedRuleIsAnnounced(t *testing.T) {
	e, state := overWhileSilenced(t)
	next := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.Name = "other" })}}
	afterRestart := restarted(t, next, []alert.SeriesState{state}, nil, 200)
	next.Previous = e
	afterReload := engine(t, next)
	for name, e := range map[string]*alert.Engine{"a reload": afterReload, "a restart": afterRestart} {
		got := e.Advance(sec(201))
		if len(got) != 1 || got[0].Event != alert.EventResolved ||
			got[0].Muted || got[0].Incident.ID != state.Incident || got[0].State.Owed != nil {
			t.Errorf("after %s: want the end notified, once, got %+v", name, got)
		}
		same(t, nil, summaries(e.Advance(sec(2000))))
	}
}
