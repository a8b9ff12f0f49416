package probe_test

import (
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func TestExpectations(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	for _, c := range []struct {
		name     string
		fault    aisquaretest.Fault
		expect   probe.Expect
		guards   probe.Guard
		expected bool
		breach   bool
		reason   string
	}{
		{name: "2xx by default", expected: true},
		{
			name: "an expected refusal is healthy", fault: aisquaretest.Fault{Status: 401}, expect: probe.Expect{Status: selectors("401")},
			expected: true,
		},
		{
			name: "an expected class", fault: aisquaretest.Fault{Break: aisquaretest.BreakClose},
			expect: probe.Expect{Status: selectors("transport")}, expected: true,
		},
		{
			name: "access where a refusal is expected", expect: probe.Expect{Status: selectors("401", "403")},
			guards: probe.GuardAccess, breach: true,
			reason: "answered 200, expected 401 or 403",
		},
		{
			name: "an error is not a breach", fault: aisquaretest.Fault{Status: 500}, expect: probe.Expect{Status: selectors("401")},
			guards: probe.GuardAccess, reason: "answered 500",
		},
		{name: "jq returns true", expect: probe.Expect{JSON: `.issuer | type == "string"`}, expected: true},
		{name: "jq returns false", expect: probe.Expect{JSON: `.issuer == "x"`}, reason: "the answer does not match"},
		{name: "jq returns null", expect: probe.Expect{JSON: `.nothing`}, reason: "the answer does not match"},
		{name: "jq returns nothing", expect: probe.Expect{JSON: `empty`}, reason: "the answer does not match"},
		{name: "jq fails", expect: probe.Expect{JSON: `.issuer + 1`}, reason: "cannot add"},
		{name: "no JSON", fault: aisquaretest.Fault{Body: "<html>"}, expect: probe.Expect{JSON: `.`}, reason: "not JSON"},
		{
			name: "slow", fault: aisquaretest.Fault{Delay: 20 * time.Millisecond}, expect: probe.Expect{Latency: time.Millisecond},
			reason: "longer than 1ms",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			api.SetFault(discovery, c.fault)
			r := job(t, server.URL, probe.Probe{Path: discovery, Expect: c.expect, Guards: c.guards}, probe.RunnerOptions{}).Run(t.Context(),
				time.Now())
			if r.Expected != c.expected || r.Breach != c.breach || !strings.Contains(r.Reason, c.reason) || (r.Reason == "") != c.expected {
				t.Errorf("want expected=%v breach=%v %q, got expected=%v breach=%v %q", c.expected, c.breach, c.reason, r.Expected, r.Breach, r.Reason)
			}
		})
	}
}

// TestHeadOf2xxIsABreach has answers that are too large, too slow or incomplete. They are breaches if the head was a 2xx, and keep their
// class. One that is too slow or incomplete must come twice.
func TestHeadOf2xxIsABreach(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  aisquaretest.Fault
		expect string
		class  probe.Class
		code   int // of the head
		breach bool
	}{
		{"too large", aisquaretest.Fault{Break: aisquaretest.BreakEndlessBody}, "401", probe.ProtocolError, 200, true},
		{"too slow", aisquaretest.Fault{Hang: aisquaretest.HangDuringBody}, "401", probe.Timeout, 200, true},
		{"incomplete", aisquaretest.Fault{Break: aisquaretest.BreakBody}, "401", probe.ProtocolError, 200, true},
		{"incomplete, as expected", aisquaretest.Fault{Break: aisquaretest.BreakBody}, "transport", probe.ProtocolError, 200, true},
		{"a 2xx is expected", aisquaretest.Fault{Break: aisquaretest.BreakBody}, "200", probe.ProtocolError, 200, false},
		{"no head", aisquaretest.Fault{Break: aisquaretest.BreakClose}, "401", probe.ProtocolError, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			api := aisquaretest.New(aisquaretest.Options{})
			server := aisquaretest.Start(api)
			defer server.Close()
			api.SetFault(discovery, c.fault)
			p := probe.Probe{
				Path: discovery, Expect: probe.Expect{Status: selectors(c.expect)}, Guards: probe.GuardAccess,
				Timeout: 10 * time.Second,
			}
			if c.class == probe.Timeout {
				p.Timeout = 500 * time.Millisecond
			}
			guard := job(t, server.URL, p, probe.RunnerOptions{})
			first := guard.Run(t.Context(), time.Now())
			if want := c.breach && c.name == "too large"; first.Breach != want {
				t.Errorf("first run: want breach=%v, got %v: %s", want, first.Breach, first.Reason)
			}
			r := guard.Run(t.Context(), time.Now())
			if r.Class != c.class || r.Code != 0 || r.Attempts[0].Code != c.code || r.Expected || r.Breach != c.breach {
				t.Errorf("want %v that began with %d, breach=%v, got %v %d, breach=%v", c.class, c.code, c.breach, r.Class, r.Attempts[0].Code,
					r.Breach)
			}
			if told := strings.Contains(r.Reason, "access was granted with 200; no "); told != c.breach {
				t.Errorf("reason: got %q", r.Reason)
			}
		})
	}
}

func TestEndlessJQExpressionIsStopped(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	r := job(t, server.URL, probe.Probe{Path: discovery, Timeout: 200 * time.Millisecond, Expect: probe.Expect{JSON: "def f: f; f"}},
		probe.RunnerOptions{}).Run(t.Context(), time.Now())
	if r.Expected || !strings.Contains(r.Reason, "does not match") {
		t.Errorf("want unexpected, got expected=%v %q", r.Expected, r.Reason)
	}
}
