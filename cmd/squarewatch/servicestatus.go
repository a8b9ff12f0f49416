package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/heartbeat"
	"squarewatch/probe/redact"
)

// drift records whether the file still contains the running configuration.
type drift struct {
	mu      sync.Mutex
	loaded  time.Time   // when the running configuration was read
	loads   []time.Time // of all configurations, also of earlier processes; oldest first
	refused string      // why the last reload failed; empty when it succeeded
	changed bool        // the file differs from the running configuration
}

func (d *drift) load(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loads = append(d.loads[max(len(d.loads)-maxLoads+1, 0):], now)
	d.loaded, d.refused, d.changed = now, "", false
}

// maxLoads is how many starts and reloads are remembered for the page.
const maxLoads = 100

// recall adds the starts and reloads of earlier processes, oldest first.
func (d *drift) recall(earlier []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Concat(earlier, d.loads)
	d.loads = all[max(len(all)-maxLoads, 0):]
}

// allLoads returns when a configuration came into force, by a start or a reload, oldest first.
func (d *drift) allLoads() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.loads)
}

func (d *drift) refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = redact.Text(err.Error(), 300)
}

func (d *drift) compare(same bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = !same
	if same {
		d.refused = "" // the file has its old content again
	}
}

// state returns when the running configuration was read, and why it differs from the file; empty when it does not.
func (d *drift) state() (loaded time.Time, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.refused != "":
		return d.loaded, "the last reload was refused: " + d.refused
	case d.changed:
		return d.loaded, "it was changed and not reloaded"
	}
	return d.loaded, ""
}

// statusInterval is the time between two updates of the STATUS line.
const statusInterval = 10 * time.Second

// sendStatus keeps the STATUS line of the service manager current until ctx ends; see sd_notify(3).
func (d *Daemon) sendStatus(ctx context.Context) {
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	sent := ""
	for {
		if line := d.statusLine(time.Now()); line != sent && d.ready.Load() {
			d.options.Notify("STATUS=" + line)
			sent = line
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.compareFile()
		}
	}
}

// compareFile finds out whether the file was changed without a reload. A file that cannot be read counts as changed.
func (d *Daemon) compareFile() {
	running := d.config().Sum
	if d.options.Sum == nil || running == [sha256.Size]byte{} || !d.comparing.CompareAndSwap(false, true) {
		return
	}
	go func() { // a disk that hangs blocks only this goroutine
		defer d.comparing.Store(false)
		sum, err := d.options.Sum()
		if running == d.config().Sum {
			d.drift.compare(err == nil && sum == running)
		}
	}()
}

// statusLine describes the state of the daemon in one line, for systemctl status.
func (d *Daemon) statusLine(now time.Time) string {
	all := d.health.troublesAt(now)
	loaded, differs := d.drift.state()
	line := withNumber(len(d.config().Probes), "probe")
	if slices.ContainsFunc(all, func(t trouble) bool { return t.stuck }) { // its locks may never be free
		return line + "; " + inWords(all)
	}
	waiting := 0
	for _, b := range d.outbox.Status() {
		waiting += b.Pending
	}
	line = fmt.Sprintf("%s, %s, %d waiting; configuration of %s", line, firingInWords(d.evaluator.Incidents(), now), waiting, clock(loaded))
	if differs != "" {
		line += "; the file differs: " + differs
	}
	if len(all) > 0 {
		line += "; " + inWords(all)
	}
	return line
}

// firingInWords counts the firing incidents and names the first, which is the oldest.
func firingInWords(incidents []alert.Incident, now time.Time) string {
	if len(incidents) == 0 {
		return "0 firing"
	}
	first := &incidents[0]
	text := fmt.Sprintf("%d firing (%s %s, %s", len(incidents), first.Rule, first.Series, roundedText(now.Sub(first.Since)))
	if more := len(incidents) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text + ")"
}

// roundedText rounds a duration down to its largest unit.
func roundedText(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", max(d, 0)/time.Second)
}

// heartbeat returns what the heartbeat needs.
func (d *Daemon) heartbeat() heartbeat.Options {
	return heartbeat.Options{
		Settings: func() (heartbeat.Settings, time.Time) {
			loaded, _ := d.drift.state()
			return d.config().Heartbeat, loaded
		},
		Trouble: func() string { return inWords(d.health.troublesAt(time.Now())) },
		Logger:  d.options.Logger, UserAgent: userAgent(),
	}
}

// withNumber returns a number with its noun.
func withNumber(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// feedWatchdog notifies the service manager three times in its interval, as long as no part is stuck. When a part gets stuck, it logs why,
// once.
func (d *Daemon) feedWatchdog(ctx context.Context) {
	if d.options.Watchdog <= 0 {
		return
	}
	stuck := false
	every(ctx, d.options.Watchdog/3, func(now time.Time) {
		all := d.health.troublesAt(now)
		if before := stuck; !isStuck(all) {
			stuck = false
			d.options.Notify("WATCHDOG=1")
		} else if stuck = true; !before {
			d.options.Logger.ErrorContext(ctx, "a part of squarewatch is stuck, so the watchdog is no longer fed",
				"troubles", inWords(all), "goroutines", goroutines())
		}
	})
}
