package dispatch_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/dispatch"
)

// entryOf returns the entry of a probe that makes real HTTP exchanges.
func entryOf(t *testing.T, target string, p *probe.Probe, dial func(context.Context, string, string) (net.Conn, error)) dispatch.Entry {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	probe.DefaultDefaults().Apply(p)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	runner := probe.NewRunner(probe.RunnerOptions{Target: u, UserAgent: "squarewatch/test", Dial: dial})
	t.Cleanup(runner.Close)
	j, err := runner.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	return dispatch.Entry{Probe: j.Probe(), Host: j.Host(), Run: j.Run}
}

// TestProbesOfAHangingHostDelayNoOther has many probes of a host that hangs in every phase, and one of a healthy host.
func TestProbesOfAHangingHostDelayNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := aisquaretest.New(aisquaretest.Options{})
		pipe := aisquaretest.NewPipe(api)
		defer pipe.Shutdown()
		api.SetFault("/wait", aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		api.SetFault("/head", aisquaretest.Fault{Hang: aisquaretest.HangDuringHeaders})
		api.SetFault("/body", aisquaretest.Fault{Hang: aisquaretest.HangDuringBody})
		unreachable := func(ctx context.Context, _, _ string) (net.Conn, error) { // like a host that is switched off
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		var entries []dispatch.Entry
		add := func(name, target, path string, dial func(context.Context, string, string) (net.Conn, error)) {
			entries = append(entries, entryOf(t, target, &probe.Probe{Name: name, Path: path, Schedule: probe.MustSchedule("@every 10s")}, dial))
		}
		add("healthy", "http://api.test", "/o/.well-known/openid-configuration", pipe.Dial)
		for i := range 20 {
			add(fmt.Sprintf("connect-%d", i), "http://hung.test", "/", unreachable)
			for _, path := range []string{"wait", "head", "body"} {
				add(fmt.Sprintf("%s-%d", path, i), "http://hung.test", "/"+path, pipe.Dial)
			}
		}
		l := runFor(t, dispatch.Options{Entries: entries, Limits: dispatch.Limits{Concurrency: 100, PerHost: 8}}, 10*time.Minute)
		healthy := 0
		for _, r := range l.runs {
			switch {
			case r.Probe != "healthy":
				if r.Class != probe.Timeout || r.End.Sub(r.Start) != 10*time.Second {
					t.Fatalf("%s: want a timeout after exactly 10s, got %v after %v", r.Probe, r.Class, r.End.Sub(r.Start))
				}
			case r.Lateness() != 0 || !r.Expected:
				t.Errorf("the healthy probe was %v late: %s", r.Lateness(), r.Reason)
			default:
				healthy++
			}
		}
		if healthy != 60 {
			t.Errorf("want 60 healthy runs, got %d", healthy)
		}
		if len(l.runs) < 60*8 {
			t.Errorf("want the hung host probed too, got %d runs together", len(l.runs))
		}
	})
}
