package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"squarewatch/otel"
)

// trouble says that a part of the daemon does not do its work, and why.
type trouble struct {
	part   string
	reason string
	stuck  bool // the part does not say why it stands still, so a restart may help; otherwise the reason is outside of the process
}

// The parts of the daemon that have to work, as the gauge squarewatch.healthy names them.
const (
	partProbing    = "probing"
	partEvaluation = "evaluation"
	partDelivery   = "delivery"
	partStorage    = "storage"
)

func parts() []string { return []string{partProbing, partEvaluation, partDelivery, partStorage} }

// healthyPath is where the daemon says whether its parts work. healthyText is the answer when they do.
const (
	healthyPath = "/-/healthy"
	healthyText = "squarewatch is healthy"
)

const (
	healthInterval = 10 * time.Second
	// unanswered is how old the last check of a part may be. A check takes the locks of its part, so a part that is stuck does not answer.
	unanswered = 30 * time.Second
	// overdue is how long something may wait in a part that does not say why.
	overdue = 2 * time.Minute
	// undelivered is how long messages may wait for a notifier that fails before the daemon no longer counts as healthy.
	undelivered = 5 * time.Minute
)

// health checks each part on a goroutine of its own, so that a check that hangs does not delay the others. The watchdog of the service
// manager, the heartbeat, /-/healthy, the STATUS line and the gauge all use the results.
type health struct {
	checks map[string]func(now time.Time) *trouble // by part

	mu       sync.Mutex
	checked  map[string]time.Time // end of the last check, by part
	troubles map[string]*trouble  // that it found
}

func newHealth(checks map[string]func(time.Time) *trouble) *health {
	return &health{checks: checks, checked: map[string]time.Time{}, troubles: map[string]*trouble{}}
}

// run checks all parts until ctx ends. It does not wait for a check that hangs.
func (h *health) run(ctx context.Context) {
	for part, check := range h.checks {
		h.record(part, nil, time.Now())
		go every(ctx, healthInterval, func(now time.Time) { h.record(part, check(now), time.Now()) })
	}
	<-ctx.Done()
}

func (h *health) record(part string, found *trouble, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checked[part], h.troubles[part] = now, found
}

// troublesAt returns the troubles at now, in the order of the parts; none when all parts work.
func (h *health) troublesAt(now time.Time) []trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []trouble
	for _, part := range parts() {
		checked, running := h.checked[part]
		switch silence := now.Sub(checked); {
		case running && silence > unanswered:
			all = append(all, trouble{part: part, reason: fmt.Sprintf("has not answered for %v", silence.Round(time.Second)), stuck: true})
		case h.troubles[part] != nil:
			all = append(all, *h.troubles[part])
		}
	}
	return all
}

// isStuck reports whether a restart may help. When the disk hangs, parts that write may wait for it too, and a restart does not help: a
// process that waits for the disk cannot be killed, and meanwhile nothing would probe. A restart may always help when probing is stuck.
func isStuck(all []trouble) bool {
	stuck, disk := false, false
	for _, t := range all {
		if t.part == partProbing && t.stuck {
			return true
		}
		stuck = stuck || t.stuck
		disk = disk || t.part == partStorage
	}
	return stuck && !disk
}

// inWords returns the troubles in one line.
func inWords(all []trouble) string {
	texts := make([]string, 0, len(all))
	for _, t := range all {
		texts = append(texts, t.part+": "+t.reason)
	}
	return strings.Join(texts, "; ")
}

// healthChecks returns the checks of the daemon's parts.
func (d *Daemon) healthChecks() map[string]func(time.Time) *trouble {
	return map[string]func(time.Time) *trouble{
		partProbing: func(now time.Time) *trouble {
			if d.progress.alive(now) {
				return nil
			}
			reason := "no run finished since " + clock(d.progress.lastFinished()) + ", although some were due"
			return &trouble{part: partProbing, reason: reason, stuck: true}
		},
		partEvaluation: func(now time.Time) *trouble {
			late := d.evaluator.Overdue(now)
			if late < overdue {
				return nil
			}
			reason := fmt.Sprintf("a change has waited %v for its evaluation", late.Round(time.Second))
			return &trouble{part: partEvaluation, reason: reason, stuck: true}
		},
		partDelivery: d.checkDelivery,
		partStorage:  d.checkStorage,
	}
}

// checkDelivery finds a notifier whose messages wait without an attempt, or wait for longer than undelivered because attempts fail.
func (d *Daemon) checkDelivery(now time.Time) *trouble {
	for _, b := range d.outbox.Status() {
		wait := fmt.Sprintf("%s: messages have waited %v", b.Notifier, b.OldestAge.Round(time.Second))
		groupWait := d.config().Notifiers[b.Notifier].GroupWait
		switch {
		case b.Pending == 0:
		case now.Sub(b.Due) > overdue && now.Sub(d.attempts.last(b.Notifier)) > overdue:
			return &trouble{part: partDelivery, reason: wait + " and no attempt is made", stuck: true}
		case b.OldestAge <= undelivered+groupWait:
		case b.LastError != "":
			return &trouble{part: partDelivery, reason: wait + ": " + firstLine(b.LastError)}
		default: // the notifier refused them and accepted others
			return &trouble{part: partDelivery, reason: wait + "; the next attempt is at " + clock(b.Due)}
		}
	}
	return nil
}

// checkStorage finds a storage fault, or a writer that does not write and reports no error.
func (d *Daemon) checkStorage(now time.Time) *trouble {
	if err := d.storageFault(); err != nil {
		return &trouble{part: partStorage, reason: firstLine(err.Error())}
	}
	if d.state.writer == nil {
		return nil
	}
	if written := d.state.writer.Status().Written; !written.IsZero() && now.Sub(written) > overdue {
		return &trouble{part: partStorage, reason: "history was last written at " + clock(written) + ", without an error"}
	}
	return nil
}

// healthGauges returns the verdict for the gauges.
func (d *Daemon) healthGauges() otel.Health {
	_, differs := d.drift.state()
	h := otel.Health{Works: map[string]bool{}, ConfigCurrent: differs == ""}
	for _, part := range parts() {
		h.Works[part] = true
	}
	for _, t := range d.health.troublesAt(time.Now()) {
		h.Works[t.part] = false
	}
	return h
}

// errUnhealthy returns the text that /-/healthy answers with the status 503.
func errUnhealthy(all []trouble) error {
	return errors.New("squarewatch does not work as it should: " + inWords(all))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// clock shows a time of day in the zone of the machine, and the date when it is not of the last 20 hours.
func clock(t time.Time) string {
	if time.Since(t) > 20*time.Hour {
		return t.Local().Format("2006-01-02 15:04") //nolint:gosmopolitan // for the person at this machine
	}
	return t.Local().Format("15:04") //nolint:gosmopolitan // for the person at this machine
}

// attempts is a delivery observer that remembers when each notifier was last tried.
type attempts struct {
	mu    sync.Mutex
	times map[string]time.Time // by notifier
}

func newAttempts() *attempts { return &attempts{times: map[string]time.Time{}} }

func (a *attempts) record(notifier string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times[notifier] = now
}

func (a *attempts) last(notifier string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times[notifier]
}

// deliveries passes attempts on to the recorder and remembers their times.
type deliveries struct{ d *Daemon }

// Delivered records an attempt.
func (o deliveries) Delivered(notifier string, err error) {
	o.d.attempts.record(notifier, time.Now())
	o.d.telemetry.Recorder().Delivered(notifier, err)
}
