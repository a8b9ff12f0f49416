package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
)

// watchParts returns an engine with two parts of squarewatch: storage, and the notifier ops.
func watchParts(tb testing.TB, previous *alert.Engine) *alert.Engine {
	tb.Helper()
	return engine(tb, alert.EngineOptions{
		Probes: probes("a"), Previous: previous, Parts: []alert.Part{
			{Name: "storage", Severity: alert.Warning, After: time.Minute},
			{Name: "notifier-ops", Severity: alert.Critical, Notify: []string{"team"}},
		},
	})
}

func TestATroubleThatLastsIsOneIncident(t *testing.T) {
	e := watchParts(t, nil)
	var got []alert.Transition
	for i := 0; i <= 600; i += 10 {
		var trouble *alert.Trouble
		if i >= 100 && i < 130 || i >= 200 && i < 400 { // the first one is too short
			trouble = &alert.Trouble{Work: "the state is not written", Reason: "disk full"}
		}
		got = append(got, e.Report("storage", trouble, sec(i))...)
		got = append(got, e.Advance(sec(i+9))...)
	}
	same(t, []string{"260 firing watcher/storage 0/0", "400 resolved watcher/storage 0/0"}, announcements(got))
	if i := got[0].Incident; i.Severity != alert.Warning || !i.Since.Equal(sec(200)) || i.Trouble == nil || i.Trouble.Reason != "disk full" {
		t.Errorf("want the incident with its trouble, got %+v", i)
	}
}

func TestATroubleOfANotifierGoesToTheOthers(t *testing.T) {
	e := watchParts(t, nil)
	got := e.Report("notifier-ops", &alert.Trouble{Reason: "refused", Since: sec(-300)}, sec(0))
	if len(got) != 1 || len(got[0].Notify) != 1 || got[0].Notify[0] != "team" || !got[0].Incident.Since.Equal(sec(-300)) {
		t.Errorf("want FIRING for team alone, got %+v", got)
	}
	e = watchParts(t, e)
	same(t, nil, announcements(e.Report("notifier-ops", &alert.Trouble{Reason: "unavailable"}, sec(10))))
	same(t, nil, announcements(e.Report("notifier-gone", &alert.Trouble{Reason: "unavailable"}, sec(20))))
	got = append(e.Report("notifier-ops", nil, sec(30)), e.Advance(sec(90))...)
	same(t, []string{"30 resolved watcher/notifier-ops 0/0"}, announcements(got))
}

func TestATroubleContinuesAfterARestart(t *testing.T) {
	e := watchParts(t, nil)
	state := e.Report("notifier-ops", &alert.Trouble{Reason: "refused"}, sec(0))[0].State
	e = watchParts(t, nil)
	e.Restore([]alert.SeriesState{state})
	e.Resume(sec(100))
	same(t, nil, announcements(e.Advance(sec(200)))) // nothing is known yet
	same(t, nil, announcements(e.Report("notifier-ops", &alert.Trouble{Reason: "refused"}, sec(210))))
	same(t, []string{"14400 update watcher/notifier-ops 0/0"}, announcements(e.Advance(sec(4*3600))))
	same(t, []string{"14410 resolved watcher/notifier-ops 0/0"}, announcements(e.Report("notifier-ops", nil, sec(4*3600+10))))
}

func TestANotifierThatIsRemovedEndsItsTrouble(t *testing.T) {
	e := watchParts(t, nil)
	e.Report("notifier-ops", &alert.Trouble{Reason: "refused"}, sec(0))
	e = engine(t, alert.EngineOptions{Probes: probes("a"), Previous: e})
	same(t, []string{"0 ended watcher/notifier-ops 0/0"}, announcements(e.Advance(sec(10))))
}
