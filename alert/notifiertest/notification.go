package notifiertest

import (
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe"
)

// Notification returns a message for an event, as the outbox makes it. The message for [alert.EventTest] has no incident.
func Notification(event alert.Event) outbox.Notification {
	at := time.Date(2026, 10, 7, 3, 4, 5, 0, time.UTC)
	n := outbox.Notification{ID: "n1", Notifier: "ops", At: at, Event: event}
	if event == alert.EventTest {
		return n
	}
	n.Incident = alert.Incident{
		ID: "0123456789ab", Rule: "server-errors", Series: "collections", Per: alert.PerProbe, Severity: alert.Critical,
		Condition: alert.ConditionRate, Runbook: "https://wiki.example.org/500", Threshold: 0.2, Clear: 0.1, Window: 5 * time.Minute,
		Since: at.Add(-time.Minute), FirstBad: at.Add(-time.Minute), LastBad: at, BadRuns: 8,
		Crossed: at, Fired: at, Rate: 0.4, Runs: 20, Bad: 8, Labels: map[string]string{"team": "platform"},
		Classes: []alert.ClassCount{{Class: probe.ServerError, Code: 500, Runs: 8}},
		Examples: []alert.Example{{
			Probe: "collections", At: at, Class: probe.ServerError, Code: 500, Reason: "expected 2xx, got 500",
			Excerpt: "Internal Server Error", Trace: probe.TraceID{1}, Span: probe.SpanID{1},
		}},
	}
	if event.Ends() {
		n.At = at.Add(10 * time.Minute)
		n.Incident.Resolved, n.Incident.LastBad, n.Incident.BadRuns = n.At, n.At.Add(-5*time.Minute), 42
	}
	if event == alert.EventEnded {
		n.Incident.EndReason = "the rule was removed from the configuration or renamed"
	}
	return n
}

// withText returns a message with the text in the fields that an answer or a configuration can fill.
func withText(event alert.Event, text string) outbox.Notification {
	n := Notification(event)
	i := &n.Incident
	i.Rule, i.Series, i.Runbook, i.EndReason = text, text, text, text
	i.Labels = map[string]string{text: text}
	for e := range i.Examples {
		i.Examples[e].Probe, i.Examples[e].Reason, i.Examples[e].Excerpt = text, text, text
	}
	i.Blame, i.Blamed, i.Advice = probe.BlameUnknown, text, text
	i.Evidence = []probe.Evidence{{Text: text, At: i.Since}, {Text: text}}
	i.Joined = []alert.JoinedSeries{{Rule: "unreachable", Series: text}}
	n.Others = []alert.Incident{*i}
	return n
}

// hostile returns harmful texts that answers of an API could contain. The key of each describes it.
func hostile() map[string]string {
	return map[string]string{
		"a mention of all":    "<!channel> <!here> @everyone <@U123>",
		"a link":              "<https://evil.example|click> [click](https://evil.example)",
		"markup":              "```*_~`> &lt;script&gt;<script>alert(1)</script>",
		"quotes and braces":   `"}],"text":"x","a":[{"\u0000`,
		"lines":               "one\r\ntwo\u2028three\n\n\n",
		"control characters":  "a\x00b\x1b[31mred\x07",
		"right to left marks": "\u202egnp.exe\u2066",
		"broken text":         "a\xff\xfe\xc0",
		"very much":           strings.Repeat("0123456789", 10_000),
		"nothing":             "",
	}
}
