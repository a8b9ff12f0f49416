package otel_test

import (
	"flag"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/blame"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// at returns the noon of a fixed day plus some milliseconds.
func at(ms int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

// attempt returns an exchange of 100 ms over a fresh TLS connection.
func attempt(id byte, start int) probe.Attempt {
	phases := make([]probe.Phase, 0, 6)
	for i, kind := range probe.PhaseKinds() {
		end := start + 10*(i+1)
		if kind == probe.PhaseReceive {
			end = start + 100
		}
		phases = append(phases, probe.Phase{Kind: kind, Start: at(start + 10*i), End: at(end)})
	}
	return probe.Attempt{
		Span: probe.SpanID{id}, Cause: probe.CauseFirst, Method: "GET",
		URL: "https://api.example.com/api/v1/collections/?page_size=REDACTED", Template: "/api/v1/collections/",
		Scheme: "https", Host: "api.example.com", Port: 443,
		Start: at(start), End: at(start + 100), Phases: phases, Class: probe.Success, Code: 200, Protocol: "2",
		Peer: "192.0.2.1:443", Size: 120, CertificateExpiry: at(0).AddDate(0, 1, 0),
	}
}

// run returns a healthy run of one attempt.
func run(name string, id byte) *probe.Result {
	return &probe.Result{
		Probe: name, Credential: "partner", Trace: probe.TraceID{id}, Span: probe.SpanID{id, 1},
		Intended: at(0), Start: at(2), End: at(103), Attempts: []probe.Attempt{attempt(id+100, 2)},
		Class: probe.Success, Code: 200, Expected: true,
	}
}

// results returns a healthy run, a 500, an expected 401, a failed connection, and a followed redirect.
func results() []*probe.Result {
	failing := run("feed", 2)
	failing.Class, failing.Code, failing.Expected = probe.ServerError, 500, false
	failing.Reason, failing.Excerpt = "500, want 2xx", "database is away"
	failing.Attempts[0].Class, failing.Attempts[0].Code = probe.ServerError, 500
	failing.Blame = probe.BlameAPI
	failing.Evidence = []blame.Evidence{{For: probe.BlameAPI, Text: "the error came from the API itself", At: failing.End}}

	guarded := run("auth-wall", 3)
	guarded.Credential, guarded.Class, guarded.Code = "", probe.Unauthenticated, 401
	guarded.Attempts[0].Class, guarded.Attempts[0].Code = probe.Unauthenticated, 401

	refused := run("reach", 4)
	refused.Class, refused.Code, refused.Expected, refused.Reason = probe.ConnectError, 0, false, "connection refused"
	a := &refused.Attempts[0]
	a.Class, a.Code, a.Protocol, a.Peer, a.CertificateExpiry = probe.ConnectError, 0, "", "", time.Time{}
	a.Error, a.ErrorKind, a.Phases = "dial tcp 192.0.2.1:443: connection refused", "connect_error", []probe.Phase{
		{Kind: probe.PhaseDNS, Start: at(2), End: at(12)}, {Kind: probe.PhaseConnect, Start: at(12), End: at(102)},
	}

	refused.Blame, refused.Advice = probe.BlameUnknown, "ask the same from another network: if it works there, it is our network"
	refused.Looks = []probe.Look{
		{Kind: probe.LookElsewhere, Span: probe.SpanID{4, 9}, Start: at(102), End: at(103), Text: "a made-up address answers 404"},
	}

	followed := run("moved", 5)
	followed.End = at(210)
	followed.Attempts[0].Class, followed.Attempts[0].Code = probe.Redirect, 301
	second := attempt(115, 104)
	second.Cause, second.Reused = probe.CauseRedirect, true
	second.Phases = []probe.Phase{{Kind: probe.PhaseWait, Start: at(104), End: at(204)}}
	followed.Attempts = append(followed.Attempts, second)
	return []*probe.Result{run("collections", 1), failing, guarded, refused, followed}
}

func transition(event alert.Event) alert.Transition {
	return alert.Transition{At: at(300), Event: event, Incident: alert.Incident{
		ID: "incident-1", Rule: "server-errors", Series: "feed", Per: alert.PerProbe, Severity: alert.Critical,
		Threshold: 0.2, Rate: 0.5, Blame: probe.BlameAPI,
		Examples: []alert.Example{{Probe: "feed", Trace: probe.TraceID{2}, Span: probe.SpanID{2, 1}}},
	}}
}

// renewingRun returns a run with two renewals: one that succeeded, and one whose login was refused.
func renewingRun() *probe.Result {
	r := run("member", 6)
	r.Renewals = []probe.Renewal{
		{
			Credential: "member", Trace: r.Trace, Parent: r.Span, Span: probe.SpanID{6, 9}, Start: r.Start, End: r.End,
			Outcome: probe.LoggedIn, Expiry: at(0).Add(time.Hour),
		},
		{
			Credential: "other", Trace: r.Trace, Parent: r.Span, Span: probe.SpanID{7, 9}, Start: r.Start, End: r.End,
			Outcome: probe.RenewalRefused, Error: "the login was refused with 400",
		},
	}
	r.Expected, r.Class, r.Code, r.Blame, r.Reason = false, probe.Unauthenticated, 401, probe.BlameAPI, "answered 401, expected 2xx"
	return r
}
