package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/config/setting"
)

const (
	// digestLook is how often the schedule is read, which a reload may change.
	digestLook = time.Minute
	// digestAttempts is how often a report is posted, once a minute, until a notifier accepts it.
	digestAttempts = 10
	// digestProbes and digestIncidents are how many lines a report in a channel has.
	digestProbes, digestIncidents = 10, 15
)

// postDigests posts the report of the section digest whenever it is due, until ctx ends. A report that was due while squarewatch did not
// run is not posted later: the next one does not cover its time, and squarewatch report shows it.
func (d *Daemon) postDigests(ctx context.Context) {
	seen := time.Now()
	for {
		now, wait, schedule := time.Now(), digestLook, d.config().Digest.Schedule
		if !schedule.IsZero() {
			if due := schedule.Last(seen, now); !due.IsZero() {
				d.postDigest(ctx, due)
			}
			wait = min(wait, schedule.Next(now).Sub(now))
		}
		seen = now
		if !sleepUntil(ctx, now.Add(wait)) {
			return
		}
	}
}

// postDigest posts the report about the time since the one before.
func (d *Daemon) postDigest(ctx context.Context, due time.Time) {
	cfg, logger := d.config(), d.options.Logger
	o := d.state.opened.Load()
	if o == nil {
		logger.ErrorContext(ctx, "the digest was not posted: the database is not open", "due", due)
		return
	}
	report, err := newPeriodReport(ctx, cfg, o.history, o.store, digestBegin(&cfg.Digest, due), due)
	if err != nil {
		logger.ErrorContext(ctx, "the digest was not posted", "due", due, "error", err)
		return
	}
	message := digestOf(report)
	var posting sync.WaitGroup
	for name, reporter := range reporters(cfg, *d.announcers.Load()) {
		posting.Go(func() {
			if err := postReport(ctx, reporter, message); err != nil {
				logger.ErrorContext(ctx, "the digest was not posted", "notifier", name, "due", due, "error", err)
			}
		})
	}
	posting.Wait()
}

// digestBegin returns when the report before was due; a week before for the first one that a schedule has.
func digestBegin(digest *config.Digest, due time.Time) time.Time {
	const year, week = 366 * 24 * time.Hour, 7 * 24 * time.Hour
	if begin := digest.Schedule.Last(due.Add(-year), due.Add(-1)); !begin.IsZero() {
		return begin
	}
	return due.Add(-week)
}

// reporters returns the notifiers that post the digest.
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

// canReport returns why a digest would not reach whom it is for.
func canReport(cfg *config.Config, destinations map[string]outbox.Destination) error {
	if cfg.Digest.Schedule.IsZero() {
		return nil
	}
	able := reporters(cfg, destinations)
	for _, name := range cfg.Digest.Notify {
		if able[name] == nil {
			return fmt.Errorf("digest: the notifier %q (%s) cannot post a report: name one of Slack", name, cfg.Notifiers[name].Kind)
		}
	}
	if len(able) == 0 {
		return errors.New("digest: no notifier of the file can post a report: define one of Slack")
	}
	return nil
}

// postReport posts a report once a minute until the notifier accepts it. It stops when only a person can help.
func postReport(ctx context.Context, reporter outbox.Reporter, report outbox.Report) error {
	for attempt := 1; ; attempt++ {
		err := reporter.Report(ctx, report)
		failure, ok := errors.AsType[*outbox.DeliveryError](err)
		if err == nil || attempt == digestAttempts || ok && failure.Permanent {
			return err
		}
		wait := time.Minute
		if ok {
			wait = max(wait, failure.RetryAfter)
		}
		if !sleepUntil(ctx, time.Now().Add(wait)) {
			return err
		}
	}
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
		incidents = append(incidents, fmt.Sprintf("%d incidents before, and these:", from))
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
		spell(i.BadTime), withNumber(i.BadRuns, "bad run"), spell(i.Declared))
	if i.Resolved == nil {
		text += ", still firing"
	}
	if i.Culprit != "" {
		text += "; " + i.Culprit
	}
	return text
}
