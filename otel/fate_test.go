package otel_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/otel"
	"squarewatch/probe"
)

// bad returns a run that ended now and was unexpected.
func bad(id byte) *probe.Result {
	r := run("feed", id)
	r.Class, r.Code, r.Expected, r.End = probe.ServerError, 500, false, time.Now()
	return r
}

func wantFate(t *testing.T, all *otel.Telemetry, r *probe.Result, state otel.FateState, why string) {
	t.Helper()
	if got := all.Fate(r); got.State != state || !strings.Contains(got.Why, why) {
		t.Errorf("want %s because %q, got %+v", state, why, got)
	}
}

func TestFateOfTraces(t *testing.T) {
	off, err := otel.New(t.Context(), otel.Options{Settings: otel.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	defer shutDown(t, off)
	wantFate(t, off, bad(1), otel.FateOff, "no collector")

	server := httptest.NewServer(newCollector())
	defer server.Close()
	all := withSpool(t, server.URL+"/otlp", t.TempDir(), &logBuffer{})
	defer shutDown(t, all)
	all.Recorder().SetScope(otel.Scope{Probes: []string{"collections"}})
	all.Recorder().KeepHealthy(0)
	for id := range byte(100) {
		all.Recorder().Finished(run("collections", id+1))
	}
	slow := lasting(run("collections", 200), time.Second)
	all.Recorder().Finished(slow)
	wantFate(t, all, run("collections", 1), otel.FateNotKept, "healthy")
	wantFate(t, all, slow, otel.FateSent, "slowest")
	wantFate(t, all, bad(1), otel.FateSent, "unexpected")
	all.Recorder().KeepHealthy(1)
	wantFate(t, all, run("collections", 1), otel.FateSent, "share")
}

func TestFateOfTracesWhileTheCollectorIsDown(t *testing.T) {
	for _, c := range []struct {
		dir   string
		state otel.FateState
		why   string
	}{{t.TempDir(), otel.FateWaiting, "has not accepted traces since"}, {"", otel.FateLost, "there is no spool"}} {
		all := withSpool(t, unreachable(t)+"/otlp", c.dir, &logBuffer{})
		before := bad(1)
		before.End = time.Now().Add(-time.Hour)
		all.Recorder().Finished(bad(2))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if err := all.Flush(ctx); err == nil {
			t.Error("want the flush to fail")
		}
		cancel()
		wantFate(t, all, before, otel.FateSent, "unexpected")
		wantFate(t, all, bad(3), c.state, c.why)
		shutDown(t, all)
	}
}
