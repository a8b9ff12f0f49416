package probe_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

const metricsPath = "/api/v1/aistudios/metrics/"

// TestAnEndpointThatIgnoresTheKeyIsNoWitness revokes the key, and a public endpoint continues to answer 200.
func TestAnEndpointThatIgnoresTheKeyIsNoWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		run := runner(t)
		feed := m.job(t, probe.Probe{Name: "feed", Path: feedPath, Credential: "key"})
		collections := m.job(t, probe.Probe{Name: "collections", Path: collectionsPath, Credential: "key"})
		bookings := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "key"})
		run(feed, collections, bookings)
		m.api.Revoke(aisquaretest.DefaultKey)
		run(collections, feed)
		r := run(bookings)
		if r.Blame != probe.BlameCredential || looks(r) != "without_credential" || !r.Looks[0].Passed {
			t.Errorf("want our key blamed after a look, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
		if r := run(collections, feed, collections); r.Blame != probe.BlameCredential || looks(r) != "" {
			t.Errorf("want no second look, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
	})
}

// TestAnEndpointThatChecksTheKeyIsAWitness has one endpoint that refuses a good key, and another one that accepts it and refuses
// requests without one.
func TestAnEndpointThatChecksTheKeyIsAWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		run := runner(t)
		collections := m.job(t, probe.Probe{Name: "collections", Path: collectionsPath, Credential: "key"})
		bookings := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "key"})
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		r := run(collections, bookings, collections)
		if r.Blame != probe.BlameAPI || looks(r) != "without_credential" || r.Looks[0].Passed {
			t.Errorf("want the API blamed after a look, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
	})
}

// TestAProbeWithoutACredentialReplacesALook has a probe without a credential at the endpoint of the witness.
func TestAProbeWithoutACredentialReplacesALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		run := runner(t)
		anonymous := m.job(t, probe.Probe{Name: "anonymous", Path: feedPath})
		feed := m.job(t, probe.Probe{Name: "feed", Path: feedPath, Credential: "key"})
		collections := m.job(t, probe.Probe{Name: "collections", Path: collectionsPath, Credential: "key"})
		bookings := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "key"})
		m.api.Revoke(aisquaretest.DefaultKey)
		if r := run(anonymous, collections, feed, bookings); r.Blame != probe.BlameCredential || looks(r) != "" {
			t.Errorf("want our key blamed without a look, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
	})
}

// TestALookIsNeverAPost has a witness that is asked by POST.
func TestALookIsNeverAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		collections := m.job(t, probe.Probe{Name: "collections", Path: collectionsPath, Credential: "key"})
		posting := m.job(t, probe.Probe{
			Name: "posting", Path: metricsPath, Credential: "key", JSON: map[string]any{"url": aisquaretest.DefaultStudio},
			Method: http.MethodPost,
		})
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		if r := runner(t)(collections, posting, collections); looks(r) != "" {
			t.Errorf("want no look by POST, got %q", looks(r))
		}
	})
}

// TestALookSendsNoSecret has a witness with a secret in its headers.
func TestALookSendsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent http.Header
		pipe := aisquaretest.NewPipe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") == "":
				sent = r.Header.Clone()
				w.WriteHeader(http.StatusForbidden)
			case r.URL.Path == "/refuses":
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(pipe.Shutdown)
		key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New("the-key")})
		if err != nil {
			t.Fatal(err)
		}
		runner := probe.NewRunner(probe.RunnerOptions{
			Target: mustURL(t, "http://api.test"), Dial: pipe.Dial, UserAgent: "squarewatch/test",
			Credentials: map[string]probe.Credential{"key": key},
		})
		t.Cleanup(runner.Close)
		m := &loginFixture{runner: runner}
		refuses := m.job(t, probe.Probe{Name: "refuses", Path: "/refuses", Credential: "key"})
		accepts := m.job(t, probe.Probe{Name: "accepts", Path: "/accepts", Credential: "key", Headers: map[string]secret.Text{
			"X-Api-Key": secret.New("hush-hush"), "X-Workspace-Id": secret.New("w1"),
		}})
		var r *probe.Result
		for _, j := range []*probe.Job{refuses, accepts, refuses} {
			<-time.After(time.Second)
			r = j.Run(t.Context(), time.Now())
		}
		want := "00-" + r.Trace.String() + "-" + r.Looks[0].Span.String() + "-01"
		if looks(r) != "without_credential" || sent.Get("X-Api-Key") != "" || sent.Get("X-Workspace-Id") != "w1" ||
			sent.Get("Traceparent") != want || sent.Get("User-Agent") != "squarewatch/test" {
			t.Errorf("want a look in the run's trace without secrets, got %q with %v", looks(r), sent)
		}
	})
}

// runner returns a function that runs jobs, one second apart, and returns the last result.
func runner(t *testing.T) func(jobs ...*probe.Job) *probe.Result {
	t.Helper()
	return func(jobs ...*probe.Job) (r *probe.Result) {
		for _, j := range jobs {
			<-time.After(time.Second)
			r = j.Run(t.Context(), time.Now())
		}
		return r
	}
}
