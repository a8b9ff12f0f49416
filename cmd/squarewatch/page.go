package main

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

const (
	// listedFor is how long the page lists an incident after its end, and maxListed how many it lists.
	listedFor = 7 * 24 * time.Hour
	maxListed = 200
	// recalledStrip is how far back the page's strips reach after a restart, and stripRuns how many runs they have.
	recalledStrip = 24 * time.Hour
	stripRuns     = 60
	// recalledTogether is how many probes are read with one query, maxRecalledMisses how many missed runs.
	recalledTogether  = 100
	maxRecalledMisses = 10_000
)

// newPage returns the page of the daemon.
func (d *Daemon) newPage() (*statuspage.Server, error) {
	return statuspage.New(statuspage.Source{
		Snapshot: func(_ context.Context, now time.Time) *statuspage.Snapshot { return d.pageSnapshot(now) },
		History:  d.history, Backtest: d.tryRule, Fate: d.traceFate,
		Store: func() *outbox.Store { return d.state.store() },
	}, d.strips)
}

// traceFate says for the page whether the collector has the trace of a run.
func (d *Daemon) traceFate(r *probe.Result) statuspage.TraceFate {
	return traceFateOf(d.telemetry.Fate(r))
}

func traceFateOf(f otel.Fate) statuspage.TraceFate {
	return statuspage.TraceFate{State: string(f.State), Why: f.Why}
}

// pageCredentials returns the credentials with their validity, sorted by name.
func (d *Daemon) pageCredentials() []statuspage.Credential {
	all := *d.credentials.Load()
	list := make([]statuspage.Credential, 0, len(all))
	for _, name := range sortedKeys(all) {
		list = append(list, statuspage.Credential{Name: name, Renewable: all[name].Renewable(), Validity: probe.ValidityOf(all[name])})
	}
	return list
}

// history returns the store of runs; nil until the database is open, and without a state_dir.
func (d *Daemon) history() *history.Store {
	if o := d.state.opened.Load(); o != nil {
		return o.history
	}
	return nil
}

// pageSnapshot returns what the page shows. It reads no disk, so that the page works while a disk hangs.
func (d *Daemon) pageSnapshot(now time.Time) *statuspage.Snapshot {
	cfg := d.config()
	s := &statuspage.Snapshot{
		Now: now, Started: d.started, Target: cfg.Target.Host, Location: cfg.Location, URL: cfg.Target.Scheme + "://" + cfg.Target.Host,
		TraceURL: cfg.Telemetry.TraceURL, Support: cfg.Support, Rules: cfg.Rules, Series: d.evaluator.Snapshot(),
		Firing: d.evaluator.Incidents(), Ended: d.ended.list(now.Add(-listedFor)), Notifiers: d.outbox.Status(), Kept: d.state.wanted(),
		Credentials: d.pageCredentials(), MissedToday: d.strips.MissedOn(now), Traces: traceFateOf(d.telemetry.Now(now)),
	}
	s.Version, _ = buildVersion()
	s.Loaded, s.Differs = d.drift.state()
	if cfg.File != "" {
		s.File = hex.EncodeToString(cfg.Sum[:])[:shownDigits]
	}
	s.Loads = d.drift.allLoads()
	s.Silences = slices.Concat(d.silenced.list(), alert.MaintenanceSince(cfg.Maintenance, now.Add(-listedFor), now))
	s.Probes = d.strips.Of(cfg.Probes)
	if fault := d.shortage.fault(); fault != "" {
		s.Faults = append(s.Faults, fault)
	}
	for _, t := range d.health.troublesAt(now) {
		s.Faults = append(s.Faults, t.part+": "+t.reason)
	}
	return s
}

// recallPage gives the page what an earlier process left: the newest runs of each probe, the incidents and the silences that ended, starts
// and reloads.
func (d *Daemon) recallPage(ctx context.Context, o *opened) {
	now := time.Now()
	ended, errEnded := o.store.Incidents(ctx, outbox.IncidentFilter{Since: now.Add(-listedFor), Limit: maxListed})
	d.ended.recall(slices.DeleteFunc(ended, func(i alert.Incident) bool { return i.Resolved.IsZero() }))
	silences, errSilences := o.store.SilencesSince(ctx, now.Add(-listedFor))
	d.silenced.recall(silences)
	loads, errLoads := o.history.ConfigurationTimes(ctx, now.Add(-listedFor), d.started, maxLoads)
	d.drift.recall(loads)
	if err := errors.Join(errEnded, errSilences, errLoads, d.recallStrips(ctx, o.history, now)); err != nil && ctx.Err() == nil {
		d.options.Logger.ErrorContext(ctx, "the page lacks runs, incidents, silences or reloads from before the start", "error", err)
	}
}

// recallStrips gives the strips the runs and missed runs of earlier processes. It reads some probes at a time, so that others can use the
// database meanwhile.
func (d *Daemon) recallStrips(ctx context.Context, store *history.Store, now time.Time) error {
	misses, err := store.Misses(ctx, now.Add(-recalledStrip), d.reportedFrom().Add(-time.Microsecond), maxRecalledMisses)
	if err != nil {
		return err
	}
	d.strips.RecallMissed(misses)
	missed := map[string][]probe.Miss{}
	for _, m := range misses {
		missed[m.Probe] = append(missed[m.Probe], m)
	}
	for names := range slices.Chunk(probeNames(d.config().Probes), recalledTogether) {
		runs, err := store.RunsOfEach(ctx, names, now.Add(-recalledStrip), now, stripRuns)
		if err != nil {
			return err
		}
		for _, name := range names {
			d.strips.Recall(name, runs[name], missed[name])
		}
	}
	return nil
}

// reportedFrom returns the time from which this process itself has reported missed runs to the strips.
func (d *Daemon) reportedFrom() time.Time {
	from := d.started
	for i := range d.unwatched {
		from = earlier(from, d.unwatched[i].Intended)
	}
	return from
}

// endedIncidents remembers the incidents that ended, for the page.
type endedIncidents struct {
	mu  sync.Mutex
	all []alert.Incident // newest first
}

// observe adds an incident when a transition ends it.
func (e *endedIncidents) observe(t *alert.Transition) {
	if !t.Event.Ends() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.addLocked(0, t.Incident)
}

// recall adds incidents of an earlier process, newest first.
func (e *endedIncidents) recall(earlier []alert.Incident) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range earlier {
		e.addLocked(len(e.all), earlier[i])
	}
}

// addLocked inserts an incident. An incident that ended again replaces its earlier entry.
func (e *endedIncidents) addLocked(at int, incident alert.Incident) {
	before := slices.IndexFunc(e.all, func(known alert.Incident) bool { return known.ID == incident.ID })
	switch {
	case before < 0:
		e.all = slices.Insert(e.all, at, incident)
		e.all = e.all[:min(len(e.all), maxListed)]
	case at == 0:
		e.all[before] = incident
	}
}

// list returns the incidents that ended after since, newest first.
func (e *endedIncidents) list(since time.Time) []alert.Incident {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.all), func(i alert.Incident) bool { return i.Resolved.Before(since) })
}

// tryRule runs the engine of the command backtest over the stored history, with a rule in place of the one with the same name.
func (d *Daemon) tryRule(ctx context.Context, rule *alert.Rule, since time.Duration) (statuspage.Backtest, error) {
	store := d.history()
	if store == nil {
		return statuspage.Backtest{}, errors.New("the database is not open")
	}
	cfg := *d.config()
	cfg.Rules = slices.Clone(cfg.Rules)
	for i := range cfg.Rules {
		if cfg.Rules[i].Name == rule.Name {
			cfg.Rules[i] = *rule
		}
	}
	return runBacktest(ctx, &cfg, store, rule.Name, since)
}

// runBacktest returns when a rule of a configuration would have fired.
func runBacktest(
	ctx context.Context, cfg *config.Config, store *history.Store, rule string, since time.Duration,
) (statuspage.Backtest, error) {
	source, err := storedSource(ctx, cfg, store, since, time.Now())
	if err != nil {
		return statuspage.Backtest{}, err
	}
	report, err := backtest(cfg, source)
	if err != nil {
		return statuspage.Backtest{}, err
	}
	b := statuspage.Backtest{Runs: report.runs, From: report.first, Until: report.last}
	for i := range report.already {
		if report.already[i].Rule == rule {
			b.Fired = append(b.Fired, statuspage.Firing{Series: report.already[i].Series, At: report.first})
		}
	}
	for i := range report.changes {
		t := &report.changes[i]
		if t.Incident.Rule != rule {
			continue
		}
		switch {
		case t.Event == alert.EventFiring:
			b.Fired = append(b.Fired, statuspage.Firing{Series: t.Incident.Series, At: t.At})
		case t.Event.Ends():
			b.End(t.Incident.Series, t.At)
		}
	}
	return b, nil
}
