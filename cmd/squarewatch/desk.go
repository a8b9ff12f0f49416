package main

import (
	"context"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/probe/redact"
)

// desk does what people ask for from where they read messages.
type desk struct{ daemon *Daemon }

var _ outbox.Desk = desk{}

// Acknowledge notes that somebody has taken an incident on.
func (k desk) Acknowledge(incident, by string) error {
	err := k.daemon.evaluator.Acknowledge(incident, by)
	if err == nil {
		k.daemon.options.Logger.Info("an incident was acknowledged", "by", redact.Text(by, longestName), "incident", incident)
	}
	return err
}

// Silence mutes the rule and series of an incident for a time.
func (k desk) Silence(incident, by string, length time.Duration) (time.Time, error) {
	silence, err := k.daemon.evaluator.SilenceFor(incident)
	if err != nil {
		return time.Time{}, err
	}
	silence.By, silence.Until = by, time.Now().Add(length).Round(0)
	kept, err := k.daemon.silences.Add(context.Background(), silence)
	if err == nil {
		k.daemon.logSilence(context.Background(), &kept)
	}
	return kept.Until, err
}

// Overview returns what there is to know now.
func (k desk) Overview() outbox.Overview {
	return outbox.Overview{
		Series: k.daemon.evaluator.Snapshot(), Incidents: k.daemon.evaluator.Incidents(),
		Backlog: k.daemon.outbox.Status(), Silences: k.daemon.silences.List(),
	}
}
