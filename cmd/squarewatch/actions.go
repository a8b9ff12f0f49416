package main

import (
	"context"
	"errors"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe/redact"
)

// actions implements the buttons and commands of messages.
type actions struct{ daemon *Daemon }

var _ outbox.Commands = actions{}

// Acknowledge records who works on an incident.
func (a actions) Acknowledge(incident, by string) error {
	err := a.daemon.evaluator.Acknowledge(incident, by)
	if err == nil {
		a.daemon.options.Logger.Info("an incident was acknowledged", "by", redact.Text(by, longestName), "incident", incident)
	}
	return err
}

// Silence mutes the rule and series of an incident for a time.
func (a actions) Silence(incident, by string, length time.Duration) (time.Time, error) {
	silence, err := a.daemon.evaluator.SilenceFor(incident)
	if err != nil {
		return time.Time{}, err
	}
	silence.By, silence.Until = by, time.Now().Add(length).Round(0)
	kept, err := a.daemon.silences.Add(context.Background(), silence)
	if errors.Is(err, alert.ErrNotKept) {
		err = nil // the silence is in force, and the outbox reports the fault of the disk
	}
	if err == nil {
		a.daemon.logSilence(context.Background(), &kept)
	}
	return kept.Until, err
}

// Overview returns what the status command of a chat shows.
func (a actions) Overview() outbox.Overview {
	return outbox.Overview{
		Series: a.daemon.evaluator.Snapshot(), Incidents: a.daemon.evaluator.Incidents(),
		Backlog: a.daemon.outbox.Status(), Silences: a.daemon.silences.List(),
		Maintenance: alert.ActiveMaintenance(a.daemon.config().Maintenance, time.Now()),
	}
}
