package probe_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestLatencyIsThatOfTheFirstAnswer checks which attempts count.
func TestLatencyIsThatOfTheFirstAnswer(t *testing.T) {
	for _, c := range []struct {
		causes []probe.Cause
		counts int
	}{
		{nil, 0},
		{[]probe.Cause{probe.CauseFirst}, 1},
		{[]probe.Cause{probe.CauseFirst, probe.CauseRedirect, probe.CauseRetry, probe.CauseRedirect}, 4},
		{[]probe.Cause{probe.CauseFirst, probe.CauseResend, probe.CauseRedirect}, 1},
		{[]probe.Cause{probe.CauseFirst, probe.CauseRedirect, probe.CauseConfirm, probe.CauseRedirect}, 2},
	} {
		at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
		var r probe.Result
		for _, cause := range c.causes {
			r.Attempts = append(r.Attempts, probe.Attempt{Cause: cause, Start: at, End: at.Add(time.Second)})
			at = at.Add(time.Second)
		}
		if want := time.Duration(c.counts) * time.Second; r.Latency() != want || len(r.FirstTry()) != c.counts {
			t.Errorf("%v: want %v of %d attempts, got %v of %d", c.causes, want, c.counts, r.Latency(), len(r.FirstTry()))
		}
	}
}

// TestSlowAnswerAfterARedirectIsSlow has a fast redirect to a slow answer.
func TestSlowAnswerAfterARedirectIsSlow(t *testing.T) {
	server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			http.Redirect(w, r, "/slow/", http.StatusMovedPermanently)
			return
		}
		<-time.After(waitTakes)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	r := job(t, server.URL, probe.Probe{Path: "/slow", Expect: probe.Expect{Latency: waitTakes / 2}}, probe.RunnerOptions{}).Run(t.Context(),
		time.Now())
	if r.Expected || len(r.Attempts) != 2 || r.Latency() < waitTakes/2 {
		t.Errorf("want the slow answer to be unexpected, got expected=%v after %v", r.Expected, r.Latency())
	}
}
