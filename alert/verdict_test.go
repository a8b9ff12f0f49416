package alert_test

import (
	"fmt"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// blamed returns a run that failed and names a culprit.
func blamed(name string, at time.Time, code int, culprit probe.Blame) *probe.Result {
	r := result(name, at, code)
	r.Blame, r.Credential = culprit, "key"
	r.Evidence = []probe.Evidence{{For: culprit, Text: "seen by " + name, At: at}}
	if culprit == probe.BlameUnknown {
		r.Advice = "another probe would tell"
	}
	return r
}

// blame passes one bad run a second with a culprit to an engine, and returns the transitions with their culprits.
func blame(e *alert.Engine, from, until int, culprit probe.Blame) []string {
	var lines []string
	for second := from; second < until; second++ {
		for _, t := range e.Observe(blamed("a", sec(second), 500, culprit)) {
			lines = append(lines, fmt.Sprintf("%.0f %s %s", t.At.Sub(start()).Seconds(), t.Event, t.Incident.Blame))
		}
	}
	return lines
}

func watching(t *testing.T) *alert.Engine {
	t.Helper()
	return engine(t, alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}})
}

func TestAnIncidentHasTheVerdictOfItsNewestRun(t *testing.T) {
	e := watching(t)
	same(t, []string{"4 firing unknown"}, blame(e, 0, 6, probe.BlameUnknown))
	incident := e.Incidents()[0]
	if incident.Advice != "another probe would tell" || len(incident.Evidence) != 1 || !incident.Evidence[0].At.Equal(sec(5)) {
		t.Errorf("want the evidence of the newest run, got %v and %q", incident.Evidence, incident.Advice)
	}
	status := e.Snapshot(sec(6))[0]
	if status.Blame != probe.BlameUnknown || status.Advice == "" || len(status.Evidence) != 1 {
		t.Errorf("want the same in the status, got %+v", status)
	}
}

func TestAnotherCulpritIsAnnouncedWhenItIsStable(t *testing.T) {
	e := watching(t)
	same(t, []string{"4 firing unknown"}, blame(e, 0, 20, probe.BlameUnknown))
	same(t, []string{"30 update api"}, blame(e, 20, 60, probe.BlameAPI))
	if incident := e.Incidents()[0]; !incident.BlameChangedAt.Equal(sec(30)) {
		t.Errorf("want the change of the blame at 30 s, got %v", incident.BlameChangedAt)
	}
	// the next change comes a minute after the last message
	same(t, []string{"90 update gateway"}, blame(e, 60, 100, probe.BlameGateway))
}

func TestAVerdictThatIsDueIsAnnouncedWithoutAnotherRun(t *testing.T) {
	e := watching(t)
	blame(e, 0, 20, probe.BlameUnknown)
	blame(e, 20, 40, probe.BlameAPI)
	blame(e, 40, 60, probe.BlameGateway)
	if next := e.Next(); next.After(sec(90)) {
		t.Errorf("want the engine due at 90 s, got %v", next.Sub(start()))
	}
	got := e.Advance(sec(91))
	if len(got) == 0 || !got[0].At.Equal(sec(90)) || got[0].Event != alert.EventUpdate || got[0].Incident.Blame != probe.BlameGateway {
		t.Errorf("want an UPDATE that blames the gateway at 90 s, got %v", summaries(got))
	}
}

func TestAVerdictThatFlapsIsNotAnnounced(t *testing.T) {
	e := watching(t)
	same(t, []string{"4 firing api"}, blame(e, 0, 20, probe.BlameAPI))
	for second := 20; second < 200; second += 10 {
		same(t, nil, blame(e, second, second+9, probe.BlameCredential))
		same(t, nil, blame(e, second+9, second+10, probe.BlameAPI))
	}
}

func TestAKnownCulpritStaysUntilItWasUnknownForAMinute(t *testing.T) {
	e := watching(t)
	same(t, []string{"4 firing credential"}, blame(e, 0, 20, probe.BlameCredential))
	same(t, nil, blame(e, 20, 70, probe.BlameUnknown))
	same(t, nil, blame(e, 70, 80, probe.BlameNone)) // the minute also counts the time of runs that name no culprit
	same(t, []string{"81 update unknown"}, blame(e, 80, 100, probe.BlameUnknown))
}

func TestAnUnknownRunBeforeTheIncidentDoesNotHideAKnownOne(t *testing.T) {
	e := watching(t)
	blame(e, 0, 3, probe.BlameCredential)
	same(t, []string{"4 firing credential"}, blame(e, 3, 10, probe.BlameUnknown))
}

func TestTheVerdictOfAnEarlierIncidentIsForgotten(t *testing.T) {
	e := watching(t)
	blame(e, 0, 20, probe.BlameCredential)
	feed(e, "a", 20, codes(400, 200)...)
	same(t, []string{"1004 firing "}, blame(e, 1000, 1010, probe.BlameNone))
}

func TestTheEndNamesTheStableVerdict(t *testing.T) {
	e := watching(t)
	blame(e, 0, 20, probe.BlameUnknown)
	blame(e, 20, 40, probe.BlameAPI) // announced at 30 s, so that the next change waits until 90 s
	blame(e, 40, 55, probe.BlameGateway)
	var last alert.Transition
	for second := 55; second < 200 && last.Event != alert.EventResolved; second++ {
		for range 8 {
			for _, c := range e.Observe(result("a", sec(second), 200)) {
				last = c
			}
		}
	}
	if last.Event != alert.EventResolved || last.Incident.Blame != probe.BlameGateway {
		t.Errorf("want the end to name the gateway, got %s %s at %v", last.Event, last.Incident.Blame, last.At.Sub(start()))
	}
}

func TestTheVerdictSurvivesARestart(t *testing.T) {
	options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(nil)}}
	e := engine(t, options)
	blame(e, 0, 20, probe.BlameCredential)
	states := e.States()
	recalled := []*probe.Result{blamed("a", sec(5), 500, probe.BlameUnknown), blamed("a", sec(19), 500, probe.BlameCredential)}
	e = restarted(t, options, states, recalled, 25)
	incident := e.Incidents()[0]
	known := len(incident.Evidence) == 1 && incident.Evidence[0].At.Equal(sec(19))
	if incident.Blame != probe.BlameCredential || incident.Blamed != "key" || !known {
		t.Errorf("want the verdict from before the restart, got %q of %q and %v", incident.Blame, incident.Blamed, incident.Evidence)
	}
	states[0].Verdicts = nil // as an older version stored it
	e = restarted(t, options, states, nil, 25)
	if incident := e.Incidents()[0]; incident.Blame != probe.BlameCredential || incident.Blamed != "key" {
		t.Errorf("want the blame of the newest example, got %q of %q", incident.Blame, incident.Blamed)
	}
}
