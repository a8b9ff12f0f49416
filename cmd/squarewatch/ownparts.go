package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe/database"
)

const (
	storagePart  = "storage"
	notifierPart = "notifier-" // followed by the name of the notifier

	// storageAfter is how long the state must stay unwritten before people are notified. A disk that is busy for a moment causes no message.
	storageAfter = time.Minute
)

// ownParts returns the parts of squarewatch about which people are notified: the storage and each notifier. The other notifiers report the
// trouble of a notifier.
func ownParts(cfg *config.Config) []alert.Part {
	var parts []alert.Part
	if cfg.StateDir != "" {
		parts = append(parts, alert.Part{Name: storagePart, Severity: alert.Warning, After: storageAfter})
	}
	names := sortedKeys(cfg.Notifiers)
	if len(names) < 2 {
		return parts
	}
	for _, name := range names {
		others := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return other == name })
		parts = append(parts, alert.Part{Name: notifierPart + name, Severity: alert.Critical, Notify: others})
	}
	return parts
}

// reportParts reports every healthInterval whether the parts work, until ctx ends.
func (d *Daemon) reportParts(ctx context.Context) {
	every(ctx, healthInterval, func(now time.Time) {
		d.evaluator.Report(storagePart, d.storageTrouble(now))
		for _, b := range d.outbox.Status() {
			if trouble, known := notifierTrouble(&b, now); known {
				d.evaluator.Report(notifierPart+b.Notifier, trouble)
			}
		}
	})
}

// storageTrouble returns why the state is not written, as text for a message; nil when it is written.
func (d *Daemon) storageTrouble(now time.Time) *alert.Trouble {
	found := d.checkStorage(now)
	if found == nil {
		return nil
	}
	t := &alert.Trouble{
		Work: "the state is not written", Reason: found.reason,
		Effect: "Probing and alerts go on. A restart would lose silences and waiting messages, and announce firing incidents again.",
	}
	if fix := database.Fix(d.storageFault()); !strings.Contains(t.Reason, fix) {
		t.Fix = fix
	}
	if d.state.err() != nil {
		t.Effect += " Incidents that fired before squarewatch started may have been announced again."
	}
	return t
}

// notifierTrouble returns why a notifier takes no messages, as text for the other notifiers; nil when it takes them. It returns false in
// two cases: messages wait for longer than undelivered, but the last attempt did not fail; or the last attempt failed, but no message waits
// for so long.
func notifierTrouble(b *outbox.Backlog, now time.Time) (_ *alert.Trouble, known bool) {
	waits := b.Pending > 0 && b.OldestAge > undelivered
	switch {
	case waits && b.LastError != "":
		return &alert.Trouble{
			Work: "the notifier " + b.Notifier + " takes no messages", Reason: firstLine(b.LastError), Since: now.Add(-b.OldestAge),
			Effect: "The messages wait, and are sent when it works.", Fix: "squarewatch notify " + b.Notifier + " tests it",
		}, true
	case !waits && b.LastError == "":
		return nil, true
	}
	return nil, false
}
