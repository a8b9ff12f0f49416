package probe_test

import (
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/blame"
)

func TestBadKeyAndBrokenAPIAreDistinguished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		collections := m.job(t, probe.Probe{Name: "collections", Path: collectionsPath, Credential: "key"})
		bookings := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "key"})
		run := func(j *probe.Job) probe.Blame {
			<-time.After(time.Second)
			return j.Run(t.Context(), time.Now()).Blame
		}
		run(collections)
		run(bookings)
		m.api.Revoke(aisquaretest.DefaultKey)
		if got := run(collections); got != probe.BlameUnknown {
			t.Errorf("first refusal: want unknown, got %q", got)
		}
		if got := run(bookings); got != probe.BlameCredential {
			t.Errorf("all refused: want credential, got %q", got)
		}
		m.api.Restore(aisquaretest.DefaultKey)
		run(collections)
		run(bookings)
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		run(collections)
		run(bookings)
		if got := run(collections); got != probe.BlameAPI {
			t.Errorf("refused here and accepted elsewhere: want api, got %q", got)
		}
	})
}

func TestKeyOfOneProbeIsComparedWithAGuardedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		guarded := m.job(t, probe.Probe{
			Name: "guarded", Path: collectionsPath, Expect: probe.Expect{Status: selectors("401")},
			Guards: probe.GuardAccess,
		})
		lone := m.job(t, probe.Probe{Name: "lone", Path: bookingsPath, Credential: "key"})
		m.api.Revoke(aisquaretest.DefaultKey)
		if got := lone.Run(t.Context(), time.Now()).Blame; got != probe.BlameUnknown {
			t.Errorf("before the guarded probe ran: want unknown, got %q", got)
		}
		guarded.Run(t.Context(), time.Now())
		if got := lone.Run(t.Context(), time.Now()).Blame; got != probe.BlameCredential {
			t.Errorf("while the guarded probe is refused: want credential, got %q", got)
		}
	})
}

// TestTheJudgeSurvivesTheRunner has two runners one after the other with the same key, as after a reload.
func TestTheJudgeSurvivesTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := aisquaretest.New(aisquaretest.Options{})
		pipe := aisquaretest.NewPipe(api)
		defer pipe.Shutdown()
		key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New(aisquaretest.DefaultKey)})
		if err != nil {
			t.Fatal(err)
		}
		judge := blame.NewJudge()
		run := func(name, path string) probe.Blame {
			<-time.After(time.Second)
			return job(t, "http://api.test", probe.Probe{Name: name, Path: path, Credential: "key"}, probe.RunnerOptions{
				Dial: pipe.Dial, Credentials: map[string]probe.Credential{"key": key}, Judge: judge,
			}).Run(t.Context(), time.Now()).Blame
		}
		run("collections", collectionsPath)
		run("bookings", bookingsPath)
		api.Revoke(aisquaretest.DefaultKey)
		run("collections", collectionsPath)
		if got := run("bookings", bookingsPath); got != probe.BlameCredential {
			t.Errorf("want the results of the first runner used, got blame %q", got)
		}
	})
}
