package main

import (
	"log/slog"

	"squarewatch/alert"
)

// announce turns a transition into a span, a log line and messages. The evaluator calls it for each transition.
func (d *Daemon) announce(t alert.Transition) {
	if t.Reannounced { // nothing changed
		d.outbox.Add(t)
		return
	}
	d.ended.observe(&t)
	ctx := d.telemetry.Recorder().Transition(t)
	d.options.Logger.Log(ctx, transitionLevel(&t), "an alert changed",
		"event", string(t.Event), "rule", t.Incident.Rule, "series", t.Incident.Series,
		"blame", string(t.Incident.Blame),
		"rate", t.Incident.Rate.String(), "bad", t.Incident.Bad, "runs", t.Incident.Runs, "incident", t.Incident.ID, "muted", t.Muted,
		"trace", d.exampleTrace(&t.Incident))
	d.outbox.Add(t)
}

// transitionLevel returns the level of a transition in the log. An announced FIRING has the level of its severity. Every other
// transition has the level INFO.
func transitionLevel(t *alert.Transition) slog.Level {
	switch {
	case t.Event != alert.EventFiring || t.Muted:
	case t.Incident.Severity == alert.Critical:
		return slog.LevelError
	case t.Incident.Severity == alert.Warning:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// exampleTrace returns the trace of an incident's last run, for the log; empty when there is none, or traces are not exported.
func (d *Daemon) exampleTrace(i *alert.Incident) string {
	if len(i.Examples) == 0 || !d.config().Traced {
		return ""
	}
	return i.Examples[0].Trace.String()
}
