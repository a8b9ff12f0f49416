package slack_test

import (
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// serverErrors is an incident of one probe that answers 500, and once not at all.
func serverErrors() alert.Incident {
	return alert.Incident{
		ID: "4f3a90c1b2d7", Rule: "server-errors", Series: "collections", Per: alert.PerProbe,
		Severity: alert.Critical, Runbook: "https://wiki.example.org/runbooks/api?section=500&x=1",
		Condition: alert.ConditionRate, Threshold: 0.2, Clear: 0.05, Window: 5 * time.Minute, Since: at("03:02:32"),
		FirstBad: at("03:02:32"), LastBad: at("03:04:02"), BadRuns: 8, Crossed: at("03:04:05"), Fired: at("03:04:05"),
		Rate: 0.4, Runs: 20, Bad: 8, Labels: map[string]string{"team": "platform", "tier": "1"},
		Classes: []alert.ClassCount{{Class: probe.ServerError, Code: 500, Runs: 6}, {Class: probe.Timeout, Runs: 2}},
		Examples: []alert.Example{
			{
				Probe: "collections", At: at("03:04:02"), Class: probe.ServerError, Code: 500,
				Reason: "expected 2xx, got 500", Excerpt: `{"detail": "relation <collections> is & stays locked"}`, Trace: probe.TraceID{1, 2, 3},
			},
			{Probe: "collections", At: at("03:03:32"), Class: probe.Timeout, Reason: "no complete answer within 10s", Trace: probe.TraceID{4, 5, 6}},
			{Probe: "collections", At: at("03:03:02"), Class: probe.ServerError, Code: 500, Excerpt: "Internal Server Error"},
		},
	}
}

// unauthenticated is an incident of a credential.
func unauthenticated() alert.Incident {
	i := serverErrors()
	i.ID, i.Rule, i.Series, i.Per = "8b01d6e2c9f4", "unauthenticated", "partner", alert.PerCredential
	i.Labels = nil
	i.Classes = []alert.ClassCount{{Class: probe.Unauthenticated, Code: 401, Runs: 8}}
	i.Examples = []alert.Example{
		{
			Probe: "bookings-config", At: at("03:04:01"), Class: probe.Unauthenticated, Code: 401, Reason: "expected 2xx, got 401",
			Excerpt: "Token has expired", Trace: probe.TraceID{7},
		},
		{
			Probe: "collections", At: at("03:04:00"), Class: probe.Unauthenticated, Code: 401, Reason: "expected 2xx, got 401",
			Trace: probe.TraceID{8},
		},
	}
	return i
}

// breach is an incident of a guarded probe. It is about the last run, and has no rate.
func breach() alert.Incident {
	i := serverErrors()
	i.ID, i.Rule, i.Series, i.Window, i.Threshold, i.Clear = "c27e5510aa93", alert.AccessRule, "auth-wall", 0, 1, 1
	i.Condition = alert.ConditionAccess
	i.Rate, i.Runs, i.Bad = 1, 1, 1
	i.Classes = []alert.ClassCount{{Class: probe.Success, Code: 200, Runs: 1}}
	i.Examples = []alert.Example{{
		Probe: "auth-wall", At: at("03:04:02"), Class: probe.Success, Code: 200,
		Reason: "answered 200, expected 401 or 403", Trace: probe.TraceID{9},
	}}
	return i
}
