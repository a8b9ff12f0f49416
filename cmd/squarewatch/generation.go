package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/dispatch"
)

// generation holds the parts that are built from one configuration: probing and the notifiers. A reload replaces the generation.
type generation struct {
	config       *config.Config
	credentials  map[string]probe.Credential
	runner       *probe.Runner
	dispatcher   *dispatch.Dispatcher
	destinations map[string]outbox.Destination
}

// newGeneration builds everything of a configuration that can fail. It starts nothing. The current generation keeps running; both
// share the credentials that did not change.
func (d *Daemon) newGeneration(cfg *config.Config) (*generation, error) {
	destinations, err := newDestinations(cfg)
	if err != nil {
		return nil, err
	}
	credentials, err := newCredentials(cfg, d.current)
	if err != nil {
		return nil, err
	}
	runner, jobs, err := newJobs(cfg, cfg.Probes, probe.RunnerOptions{
		Credentials: credentials, Identifiers: d.telemetry.Recorder(), Dial: d.options.Dial,
		DialConnectivity: d.options.DialConnectivity, Control: keepDescriptors, Judge: d.judge,
	})
	if err != nil {
		return nil, err
	}
	entries := make([]dispatch.Entry, 0, len(jobs))
	for _, job := range jobs {
		entries = append(entries, dispatch.Entry{Probe: job.Probe(), Host: job.Host(), Run: job.Run})
	}
	return &generation{
		config:       cfg,
		credentials:  credentials,
		runner:       runner,
		destinations: destinations,
		dispatcher: dispatch.New(dispatch.Options{
			Entries: entries,
			Limits:  cfg.Limits,
			// The engine comes first, so that messages do not wait for writes.
			Sinks: slices.Concat([]probe.Sink{
				d.evaluator, d.telemetry.Recorder(), d.progress, d.probes, d.strips, d.shortage,
				&missLog{logger: d.options.Logger, logged: map[string]probe.MissReason{}},
			}, d.state.sinks(), d.options.Sinks),
		}),
	}, nil
}

// forgetReplaced makes the judge forget what says nothing about the next generation: results of another target, of a credential with
// another secret, and of a probe that is gone or asks for something else.
func (d *Daemon) forgetReplaced(before, next *generation) {
	if before.config.Target.String() != next.config.Target.String() {
		d.judge.ForgetAll()
		return
	}
	for name := range before.credentials {
		if _, kept := next.credentials[name]; !kept || !sameCredential(before.config, next.config, name) {
			d.judge.Forget(name)
		}
	}
	asked := map[demand]bool{}
	for i := range next.config.Probes {
		asked[demandOf(&next.config.Probes[i])] = true
	}
	for i := range before.config.Probes {
		if old := demandOf(&before.config.Probes[i]); !asked[old] {
			d.judge.ForgetProbe(old.probe)
		}
	}
}

// demand is what a probe asks for, and with which credential.
type demand struct{ probe, method, path, credential string }

func demandOf(p *probe.Probe) demand { return demand{p.Name, p.Method, p.Path, p.Credential} }

// scope returns the names that the generation uses, for the recorder.
func (g *generation) scope() otel.Scope {
	var renewed []string
	for name, credential := range g.credentials {
		if credential.Renewable() {
			renewed = append(renewed, name)
		}
	}
	return otel.Scope{
		Target: g.config.Target.String(), Probes: probeNames(g.config.Probes), Credentials: credentialNames(g.config),
		Renewable: renewed, Notifiers: slices.Collect(maps.Keys(g.destinations)),
	}
}

// run dispatches the generation's probes, continuing the previous generation, until it is stopped and its last run has ended.
func (g *generation) run(ctx context.Context, from dispatch.Handover) {
	g.dispatcher.Run(ctx, from)
	if ctx.Err() != nil {
		g.runner.CancelRenewals() // renewals of credentials had the same grace period; after a reload the next generation waits for them
	}
	g.runner.Close()
}

// newJobs prepares probes to run, with the credentials of the options or else with new ones.
func newJobs(cfg *config.Config, probes []probe.Probe, options probe.RunnerOptions) (_ *probe.Runner, _ []*probe.Job, err error) {
	options.Target, options.UserAgent, options.Connectivity = cfg.Target, userAgent(), cfg.Connectivity
	if options.Credentials == nil {
		if options.Credentials, err = newCredentials(cfg, nil); err != nil {
			return nil, nil, err
		}
	}
	if err := cfg.Network.Route(&options); err != nil {
		return nil, nil, err
	}
	runner := probe.NewRunner(options)
	jobs := make([]*probe.Job, 0, len(probes))
	var faults []error
	for i := range probes {
		p := &probes[i]
		job, err := runner.Prepare(p)
		if err != nil {
			faults = append(faults, fmt.Errorf("probe %q: %w", p.Name, err))
			continue
		}
		jobs = append(jobs, job)
	}
	return runner, jobs, errors.Join(faults...)
}

func userAgent() string {
	version, _ := buildVersion()
	return "squarewatch/" + version
}

// newEngine builds the alert engine, with the parts of squarewatch that a daemon reports on. Unchanged rules keep their state from the
// previous engine.
func newEngine(cfg *config.Config, parts []alert.Part, previous *alert.Engine) (*alert.Engine, error) {
	return alert.NewEngine(alert.EngineOptions{
		Rules: cfg.Rules, Probes: cfg.Probes, Maintenance: cfg.Maintenance, SupportAfter: cfg.SupportWait,
		Parts: parts, Previous: previous,
	})
}

// spoolDir returns the directory of spans that wait for the collector; empty when state_dir is none.
func spoolDir(cfg *config.Config) string {
	if cfg.StateDir == "" {
		return ""
	}
	return filepath.Join(cfg.StateDir, "spool")
}

// newTelemetry sets up tracing, metrics and logs from the file.
func newTelemetry(ctx context.Context, cfg *config.Config, spoolDir string, logger *slog.Logger) (*otel.Telemetry, error) {
	version, _ := buildVersion()
	return otel.New(ctx, otel.Options{
		Settings: cfg.Telemetry, ServiceVersion: version, InstanceID: rand.Text(), UserAgent: userAgent(), Logger: logger,
		SpoolDir: spoolDir, Location: cfg.Location,
	})
}

func logWarnings(logger *slog.Logger, cfg *config.Config) {
	for _, w := range cfg.Warnings {
		logger.Warn("configuration warning", "warning", w.String())
	}
	for _, left := range cfg.Skipped {
		logger.Warn("a catalogue probe is skipped", "probe", left.Name, "reason", left.Reason)
	}
	if elsewhere := cfg.Elsewhere(); len(elsewhere) > 0 {
		logger.Info("some probes do not run at this location", "location", cfg.Location, "probes", config.Shortened(elsewhere))
	}
	warnOfDescriptors(logger, descriptorLimit(), cfg)
}

// missLog is the sink that logs when a probe begins to miss runs. The metrics count every miss.
type missLog struct {
	logger *slog.Logger

	mu     sync.Mutex
	logged map[string]probe.MissReason // by probe, until a run finishes
}

// Finished ends a probe's misses. Runs are not logged.
func (m *missLog) Finished(r *probe.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.logged, r.Probe)
}

// Missed logs the first miss of a probe for each reason.
func (m *missLog) Missed(miss probe.Miss) {
	m.mu.Lock()
	repeated := m.logged[miss.Probe] == miss.Reason
	m.logged[miss.Probe] = miss.Reason
	m.mu.Unlock()
	if repeated {
		return
	}
	m.logger.Warn("a run was missed", "probe", miss.Probe, "reason", string(miss.Reason), "intended", miss.Intended,
		"count", miss.Count, "detail", miss.Detail)
}

func credentialNames(cfg *config.Config) []string { return slices.Collect(maps.Keys(cfg.Credentials)) }
