package probe_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
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

// TestKeyResultsSurviveTheRunner has two runners one after the other with the same key, as after a reload.
func TestKeyResultsSurviveTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := aisquaretest.New(aisquaretest.Options{})
		pipe := aisquaretest.NewPipe(api)
		defer pipe.Shutdown()
		key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New(aisquaretest.DefaultKey)})
		if err != nil {
			t.Fatal(err)
		}
		run := func(name, path string) probe.Blame {
			<-time.After(time.Second)
			return job(t, "http://api.test", probe.Probe{Name: name, Path: path, Credential: "key"}, probe.RunnerOptions{
				Dial: pipe.Dial, Credentials: map[string]probe.Credential{"key": key},
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

// TestAKeyIsNotBlamedWithoutEvidence has ten probes with one key and a guarded probe without a credential.
func TestAKeyIsNotBlamedWithoutEvidence(t *testing.T) {
	refused, broken := aisquaretest.Fault{Status: 401}, aisquaretest.Fault{Status: 500}
	const guarded = "guarded"
	some, all := []int{0, 1}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for name, c := range map[string]struct {
		guard  *aisquaretest.Fault // for requests without a credential; they are refused when nil
		others aisquaretest.Fault  // for all probes except the first two
		asked  []int               // probes that run in each round of a minute, after the first two are refused
		rounds int
		blame  probe.Blame
	}{
		"the others have not run since":            {others: refused, asked: some, rounds: 1, blame: probe.BlameUnknown},
		"the others run too rarely to wait for":    {others: refused, asked: some, rounds: 6, blame: probe.BlameCredential},
		"all are refused":                          {others: refused, asked: all, rounds: 2, blame: probe.BlameCredential},
		"all are refused, the guarded probe fails": {guard: &broken, others: refused, asked: all, rounds: 2, blame: probe.BlameUnknown},
		"the others are accepted": {
			others: aisquaretest.Fault{Status: 200, Body: "[]"}, asked: all, rounds: 2,
			blame: probe.BlameAPI,
		},
		"the others fail in another way":              {others: broken, asked: all, rounds: 2, blame: probe.BlameCredential},
		"the others were accepted, the guarded fails": {guard: &broken, others: refused, asked: some, rounds: 6, blame: probe.BlameUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newLoginFixture(t, aisquaretest.Options{})
				var jobs []*probe.Job
				for i := range 10 {
					path := "/" + strconv.Itoa(i)
					m.api.SetFault(path, aisquaretest.Fault{Status: 200, Body: "[]"})
					jobs = append(jobs, m.job(t, probe.Probe{Name: path, Path: path, Credential: "key"}))
				}
				anonymous := m.job(t, probe.Probe{
					Name: guarded, Path: collectionsPath, Expect: probe.Expect{Status: selectors("401")},
					Guards: probe.GuardAccess,
				})
				round := func(asked []int) (blame probe.Blame) {
					anonymous.Run(t.Context(), time.Now())
					for _, i := range asked {
						if r := jobs[i].Run(t.Context(), time.Now()); i < len(some) {
							blame = r.Blame
						}
						<-time.After(time.Second)
					}
					<-time.After(time.Minute)
					return blame
				}
				round(all)
				for i := range jobs {
					m.api.SetFault("/"+strconv.Itoa(i), c.others)
				}
				for _, i := range some {
					m.api.SetFault("/"+strconv.Itoa(i), refused)
				}
				if c.guard != nil {
					m.api.SetFault(collectionsPath, *c.guard)
				}
				var last probe.Blame
				for range c.rounds {
					last = round(c.asked)
				}
				if last != c.blame {
					t.Errorf("want blame %q, got %q", c.blame, last)
				}
			})
		})
	}
}
