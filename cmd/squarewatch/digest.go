package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/config/setting"
)

const (
	// digestInterval is how often the schedule is read, which a reload may change.
	digestInterval = time.Minute
	// digestRetry is the time between two attempts to make a report of the stored history.
	digestRetry = 10 * time.Minute
	// digestLate is how late a report may be made.
	digestLate = 24 * time.Hour
	// digestProbes and digestIncidents are how many lines a report in a channel has.
	digestProbes, digestIncidents = 10, 15
)

// queueDigests makes the report of the section digest whenever it is due, and queues it, until ctx ends. The outbox delivers it, also
// after a restart. If reports were due while squarewatch did not run, the last of them is made at the start, unless it was due more than a
// day before.
func (d *Daemon) queueDigests(ctx context.Context) {
	begun := time.Now()
	var seen time.Time // reports that were due until then are queued or not wanted; zero until the database is open
	for {
		now, wait := time.Now(), digestInterval
		if o := d.state.opened.Load(); o != nil {
			if seen.IsZero() {
				seen = d.lastDigest(ctx, o, begun)
			}
			seen, wait = d.queueDueDigest(ctx, o, seen, now)
		}
		if !sleepUntil(ctx, now.Add(wait)) {
			return
		}
	}
}

// lastDigest returns when the last report that was queued was due; begun when there is none.
func (d *Daemon) lastDigest(ctx context.Context, o *opened, begun time.Time) time.Time {
	last, err := o.store.LastReport(ctx)
	if err != nil {
		d.options.Logger.ErrorContext(ctx, "cannot read when the last digest was due; a digest that was due before the start is not made",
			"error", err)
	}
	if last.IsZero() {
		return begun
	}
	return last
}

// queueDueDigest makes and queues the report that became due since the time seen. It returns the next time seen, and how long to wait.
func (d *Daemon) queueDueDigest(ctx context.Context, o *opened, seen, now time.Time) (time.Time, time.Duration) {
	cfg := d.config()
	schedule := cfg.Digest.Schedule
	if schedule.IsZero() {
		return now, digestInterval
	}
	if earliest := now.Add(-digestLate); seen.Before(earliest) {
		seen = earliest
	}
	if due := schedule.Last(seen, now); !due.IsZero() {
		report, err := newPeriodReport(ctx, cfg, o.history, o.store, digestBegin(&cfg.Digest, due), due)
		if err != nil {
			if ctx.Err() == nil {
				d.options.Logger.ErrorContext(ctx, "cannot make the digest", "due", due, "error", err, "retry", digestRetry.String())
			}
			return seen, digestRetry
		}
		d.outbox.AddReport(due, digestOf(report), cfg.Digest.Notify) //nolint:contextcheck // it is written even during a stop
	}
	return now, min(digestInterval, schedule.Next(now).Sub(now))
}

// digestBegin returns when the previous report was due, or a week before due when the schedule has no earlier time.
func digestBegin(digest *config.Digest, due time.Time) time.Time {
	const year, week = 366 * 24 * time.Hour, 7 * 24 * time.Hour
	if begin := digest.Schedule.Last(due.Add(-year), due.Add(-1)); !begin.IsZero() {
		return begin
	}
	return due.Add(-week)
}

// reporters returns the notifiers that get the digest.
func reporters(cfg *config.Config, destinations map[string]outbox.Destination) map[string]outbox.Reporter {
	names := cfg.Digest.Notify
	if len(names) == 0 {
		names = sortedKeys(destinations)
	}
	list := map[string]outbox.Reporter{}
	for _, name := range names {
		if reporter, ok := destinations[name].Notifier.(outbox.Reporter); ok {
			list[name] = reporter
		}
	}
	return list
}

// canReport returns why the notifiers of the digest cannot post a report; nil when they can, or when no digest is wanted.
func canReport(cfg *config.Config, destinations map[string]outbox.Destination) error {
	if cfg.Digest.Schedule.IsZero() {
		return nil
	}
	able := reporters(cfg, destinations)
	for _, name := range cfg.Digest.Notify {
		if able[name] == nil {
			return fmt.Errorf("digest: the notifier %q (%s) cannot post a report: name a notifier of kind slack", name, cfg.Notifiers[name].Kind)
		}
	}
	if len(able) == 0 {
		return errors.New("digest: no notifier of the file can post a report: define a notifier of kind slack")
	}
	return nil
}

// digestOf makes a report for a channel: the figures, the least available probes, budgets and the newest incidents.
func digestOf(r *periodReport) outbox.Report {
	lines := r.summary()
	report := outbox.Report{Title: "Report: " + lines[0], Paragraphs: []string{strings.Join(lines[1:], "\n")}}
	var probes, budgets, incidents []string
	for i := range r.Probes[:min(len(r.Probes), digestProbes)] {
		p := &r.Probes[i]
		probes = append(probes, fmt.Sprintf("%s %s: %s, %d unexpected, %d missed", availabilityText(p.Availability), p.Probe,
			withNumber(p.Runs, "run"), p.Unexpected, p.Missed))
	}
	if more := len(r.Probes) - digestProbes; more > 0 {
		probes = append(probes, fmt.Sprintf("and %d more, which are at least as available", more))
	}
	for i := range r.Budgets {
		b := &r.Budgets[i]
		budgets = append(budgets, fmt.Sprintf("Budget of %s (%v): %v spent", b.Rule, setting.Share(b.Objective), setting.Share(b.Spent)))
	}
	from := max(len(r.Incidents)-digestIncidents, 0)
	if from > 0 {
		incidents = append(incidents, fmt.Sprintf("%d earlier incidents, and these:", from))
	}
	for i := range r.Incidents[from:] {
		incidents = append(incidents, r.Incidents[from+i].line(r.Until))
	}
	if len(incidents) == 0 {
		incidents = []string{"There were no incidents."}
	}
	for _, part := range [][]string{probes, budgets, incidents} {
		if len(part) > 0 {
			report.Paragraphs = append(report.Paragraphs, strings.Join(part, "\n"))
		}
	}
	return report
}

// line describes an incident in one line.
func (i *incidentReport) line(until time.Time) string {
	text := fmt.Sprintf("%s %s %s: bad for %s (%s), declared for %s",
		i.Fired.In(until.Location()).Format("2006-01-02 15:04"), i.Rule, i.Series,
		durationText(i.BadTime), withNumber(i.BadRuns, "bad run"), durationText(i.Declared))
	if i.Resolved == nil {
		text += ", still firing"
	}
	if i.Culprit != "" {
		text += "; " + i.Culprit
	}
	return text
}
