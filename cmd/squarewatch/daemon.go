package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/heartbeat"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/dispatch"
	"squarewatch/probe/history"
)

// Options are the dependencies of a Daemon.
type Options struct {
	Load     func() (*config.Config, error) // reads the configuration, at the start and at every reload
	Logger   *slog.Logger
	Notify   func(state string)                // notifies the service manager; see sd_notify(3)
	Watchdog time.Duration                     // interval in which the service manager expects notifications; 0 for none
	Sum      func() ([sha256.Size]byte, error) // of the configuration file as it is now; nil when there is none
	Sinks    []probe.Sink                      // receive every run, beside the daemon's own
	TLS      *tls.Config                       // of the connections to the target; the system's roots when nil
	Listener net.Listener                      // of the pages and metrics; the file's listen when nil
	Peer     func(net.Conn) string             // the user at the other end, if allowed to make changes, or empty; peerOfSocket when nil

	RuntimeDirectory string // of the socket for changes; state_dir when empty

	Dial             func(ctx context.Context, network, address string) (net.Conn, error) // to the target; a net.Dialer when nil
	DialConnectivity func(ctx context.Context, network, address string) (net.Conn, error) // for the connectivity check; a net.Dialer when nil
}

// Daemon is the whole program as a value: two of them can run in one process. It holds the long-lived parts; a generation holds what is
// built from a configuration and replaced by a reload.
type Daemon struct {
	options    Options
	telemetry  *otel.Telemetry
	outbox     *outbox.Outbox
	evaluator  *alert.Evaluator
	silences   *alert.Silences
	state      *state
	started    time.Time  // runs reach the engine from this time on
	copying    sync.Mutex // held while a copy of the database is made
	probes     *probeStates
	unwatched  []probe.Miss // runs that were due while no daemon ran
	progress   *progress
	health     *health
	attempts   *attempts
	drift      *drift
	comparing  atomic.Bool // the file is being compared with what runs
	shortage   *shortage
	listener   net.Listener
	socket     net.Listener // for changes; nil for none
	news       chan string  // changes by people, to be announced
	ready      atomic.Bool
	reloads    chan chan error // requested over HTTP
	current    *generation     // used by New and Run only
	running    atomic.Pointer[config.Config]
	stopping   atomic.Pointer[time.Time]                     // when the stop was requested
	announcers atomic.Pointer[map[string]outbox.Destination] // destinations of the current generation
}

// New reads the configuration and builds everything that can fail. It starts nothing. After an error it has closed what it opened.
func New(ctx context.Context, options Options) (_ *Daemon, err error) {
	cfg, err := options.Load()
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		options: options, progress: &progress{}, attempts: newAttempts(), drift: &drift{}, probes: newProbeStates(), state: &state{},
		started: time.Now(), reloads: make(chan chan error), news: make(chan string, maxNews),
	}
	if d.options.Peer == nil {
		d.options.Peer = peerOfSocket
	}
	d.health = newHealth(d.healthChecks())
	d.drift.load(time.Now())
	if d.listener = options.Listener; d.listener == nil {
		if d.listener, err = listen(ctx, cfg.Listen); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeAll(ctx))
		}
	}()
	if d.telemetry, err = newTelemetry(ctx, cfg, spoolDir(cfg), options.Logger); err != nil {
		return nil, err
	}
	d.options.Logger = d.telemetry.Logger(options.Logger)
	d.shortage = &shortage{logger: d.options.Logger}
	if err := d.restore(ctx, cfg); err != nil {
		return nil, err
	}
	d.telemetry.Recorder().SetGaugeSources(d.evaluator.Snapshot, d.outbox.Status)
	d.telemetry.Recorder().SetHealthSource(d.healthGauges)
	if d.state.wanted() {
		d.telemetry.Recorder().SetStateSource(d.stateStatus)
	}
	if d.current, err = d.newGeneration(cfg); err != nil {
		return nil, err
	}
	d.telemetry.Recorder().SetScope(d.current.scope())
	d.socket = d.openSocket(ctx, cfg)
	d.announcers.Store(&d.current.destinations)
	d.outbox.Replace(d.current.destinations) //nolint:contextcheck // undelivered messages are written even during a stop
	d.running.Store(cfg)
	// Nothing is delivered before Run, so messages from an earlier run are first compared with this configuration.
	d.evaluator.Reannounce()
	d.evaluator.Flush()
	d.progress.watch(cfg.Probes)
	logWarnings(d.options.Logger, cfg)
	return d, nil
}

// closeAll closes what New has opened, after a failure.
func (d *Daemon) closeAll(ctx context.Context) error {
	faults := []error{d.listener.Close(), d.state.Close()}
	if d.socket != nil {
		faults = append(faults, d.socket.Close())
	}
	if d.telemetry != nil {
		faults = append(faults, flush(ctx, d.telemetry.Shutdown))
	}
	return errors.Join(faults...)
}

// restore opens the state and restores the engine and the outbox from it.
func (d *Daemon) restore(ctx context.Context, cfg *config.Config) error {
	engine, err := newEngine(cfg, nil)
	if err != nil {
		return err
	}
	opened, err := openState(ctx, cfg, d.options.Logger)
	if err != nil {
		return err // New closes d.state, which must not be nil
	}
	d.state = opened
	d.outbox = outbox.New(outbox.Options{ //nolint:contextcheck // undelivered messages are written even during a stop
		Store: d.state.store(), StoreLater: d.state.wanted(), Grace: d.deliveryGrace, Observer: deliveries{d}, Logger: d.options.Logger,
		Dropped: func(incident string) { d.evaluator.Unannounce(incident) },
	})
	silences := d.state.restore(ctx, engine, d.outbox, time.Now(), d.options.Logger)
	d.evaluator = alert.NewEvaluator(engine, d.announce)
	d.silences = alert.NewSilences(silences, d.outbox, d.mute)
	d.outbox.Maintain(cfg.Maintenance)
	d.mute(silences)
	if d.unwatched, err = d.state.unwatched(ctx, cfg.Probes, time.Now()); err != nil {
		d.options.Logger.ErrorContext(ctx, "cannot determine how long squarewatch was down", "error", err)
	}
	return nil
}

// mute applies the silences. The outbox comes first, so that it delivers no message that they mute.
func (d *Daemon) mute(silences []alert.Silence) {
	d.outbox.Mute(silences)
	d.evaluator.Mute(silences)
}

// reportUnwatched reports the runs that were due while no daemon ran to every sink except the engine, which was restored with them.
func (d *Daemon) reportUnwatched(ctx context.Context) {
	if len(d.unwatched) == 0 {
		return
	}
	runs := 0
	for _, m := range d.unwatched {
		runs += m.Count
		for _, sink := range slices.Concat([]probe.Sink{d.telemetry.Recorder(), d.probes}, d.state.sinks(), d.options.Sinks) {
			sink.Missed(m)
		}
	}
	d.options.Logger.WarnContext(ctx, "squarewatch was down; the runs of that time are missed", "runs", runs, "probes", len(d.unwatched))
}

// config returns the configuration in force.
func (d *Daemon) config() *config.Config { return d.running.Load() }

// listen opens the port of the pages and metrics.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("listen on %s: %w; the service may only use the port in SocketBindAllow= of its unit: "+
			"add yours with systemctl edit, or choose one above 1023", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; stop the program that uses the port, or set another one with listen: in the file", address, err)
	}
	return listener, nil
}

// Addr returns the address of the pages and metrics.
func (d *Daemon) Addr() net.Addr { return d.listener.Addr() }

// announce turns a transition into a span, a log line and messages. The evaluator calls it for each.
func (d *Daemon) announce(t alert.Transition) {
	if t.Reannounced { // nothing changed
		d.outbox.Add(t)
		return
	}
	ctx := d.telemetry.Recorder().Transition(t)
	d.options.Logger.Log(ctx, transitionLevel(&t), "an alert changed",
		"event", string(t.Event), "rule", t.Incident.Rule, "series", t.Incident.Series,
		"blame", string(t.Incident.Blame),
		"rate", t.Incident.Rate.String(), "bad", t.Incident.Bad, "runs", t.Incident.Runs, "incident", t.Incident.ID, "muted", t.Muted,
		"trace", d.exampleTrace(&t.Incident))
	d.outbox.Add(t)
}

// transitionLevel returns the level of a transition in the log: what fires has that of its severity, and anything else is information.
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

func credentialNames(cfg *config.Config) []string { return slices.Collect(maps.Keys(cfg.Credentials)) }

// exampleTrace returns the trace of an incident's last run, for the log; empty when there is none, or traces are not exported.
func (d *Daemon) exampleTrace(i *alert.Incident) string {
	if len(i.Examples) == 0 || !d.config().Traced {
		return ""
	}
	return i.Examples[0].Trace.String()
}

// Run probes until ctx ends and reloads at each signal from reloads. It then stops in order: no new runs start, runs end, the last
// messages are delivered, spans are flushed. It returns nil after a clean stop.
func (d *Daemon) Run(ctx context.Context, reloads <-chan os.Signal) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { d.stopping.Store(new(time.Now())) })()
	var services sync.WaitGroup
	services.Go(func() { d.evaluator.Run(background) })
	services.Go(func() { d.outbox.Run(background) })
	services.Go(func() { d.health.run(background) })
	services.Go(func() { d.feedWatchdog(background) })
	services.Go(func() { d.sendStatus(background) })
	services.Go(func() { heartbeat.Run(background, d.heartbeat()) })
	services.Go(func() { d.keepStates(background) })
	late := d.state.store() == nil
	services.Go(func() {
		d.state.run(background, func() history.Retention { return d.config().Retention }, func(ctx context.Context, o *opened) {
			if late {
				d.recoverState(ctx, o)
			}
			d.fillWindows(ctx, o)
		})
	})
	d.reportUnwatched(ctx)
	services.Go(func() { d.announceNews(background) })
	shutdown := d.serve(ctx, &services)
	d.options.Logger.InfoContext(ctx, "squarewatch started", "probes", len(d.current.config.Probes), "rules", len(d.current.config.Rules),
		"target", d.current.config.Target.String(), "listen", d.Addr().String())

	d.watch(ctx, reloads) // returns when the last run has ended

	d.options.Notify("STOPPING=1")
	d.evaluator.Keep(d.outbox.Keep)
	stop() // the outbox delivers its last messages while the server finishes its last answers
	err := flush(ctx, shutdown)
	services.Wait()
	d.logUndelivered(ctx)
	d.options.Logger.InfoContext(ctx, "squarewatch stopped")
	return errors.Join(err, flush(ctx, d.telemetry.Shutdown), d.state.Close())
}

// recoverState loads what an earlier process left, after the database could not be opened at the start.
func (d *Daemon) recoverState(ctx context.Context, o *opened) {
	now := time.Now()
	states, errStates := o.store.States(ctx, now)
	silences, errSilences := o.store.Silences(ctx, now)
	d.silences.Recover(silences)
	d.evaluator.Recover(states)
	o.filled = d.started // the windows have every run since the start; rules are evaluated meanwhile
	errQueued := d.outbox.Recover(ctx, o.store)
	if err := errors.Join(errStates, errSilences, errQueued); err != nil {
		d.options.Logger.ErrorContext(ctx, "some of the stored state cannot be read and is left out", "error", err)
	}
	d.options.Logger.InfoContext(ctx, "the database is open; incidents, silences and history are written again",
		"incidents", len(states), "silences", len(silences))
}

// fillLimit is how long rules with long windows wait until these are filled. After that they are evaluated with the runs read so far.
const fillLimit = time.Minute

// fillWindows counts the runs from before the start that the windows still miss.
func (d *Daemon) fillWindows(ctx context.Context, o *opened) {
	filling := database.Go(func() error { return o.fill(ctx, d.evaluator) })
	limit := time.AfterFunc(fillLimit, d.evaluator.EndFill)
	defer limit.Stop()
	select {
	case <-ctx.Done():
	case <-filling.Done():
		if err := filling.Wait(0); err != nil {
			d.options.Logger.ErrorContext(ctx, "rules with long windows count fewer runs from before the start", "error", err)
		}
	}
}

// stateStatus returns the status of the state for the metrics.
func (d *Daemon) stateStatus() otel.StateStatus {
	return otel.StateStatus{
		Database: d.state.database.Load(), WAL: d.state.wal.Load(), Dropped: d.state.writer.Status().Dropped, Written: d.storageFault() == nil,
	}
}

// keepEvery is how often the state of firing incidents is written between transitions. A crash loses at most as much of it.
const keepEvery = time.Minute

// keepStates writes the state of firing incidents every keepEvery until ctx ends.
func (d *Daemon) keepStates(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.evaluator.Keep(d.outbox.Keep)
		}
	}
}

// logUndelivered logs how many messages were not delivered, and whether the next start delivers them.
func (d *Daemon) logUndelivered(ctx context.Context) {
	for _, b := range d.outbox.Status() {
		switch {
		case b.Pending == 0:
		case d.state.store() == nil || d.outbox.Fault() != nil:
			d.options.Logger.WarnContext(ctx, "undelivered messages are lost", "notifier", b.Notifier, "messages", b.Pending)
		default:
			d.options.Logger.InfoContext(ctx, "undelivered messages are kept for the next start", "notifier", b.Notifier, "messages", b.Pending)
		}
	}
}

// flushTimeout bounds each step of a stop that uses the network. With the 5 s for runs, a stop takes at most 10 s.
const flushTimeout = 2 * time.Second

// deliveryTime is how long messages are still delivered after a stop was requested: 10 s without the time to flush spans.
const deliveryTime = 7500 * time.Millisecond

// deliveryGrace returns how long messages may still be delivered when all runs have ended. A delivery that is cut off is repeated at the
// next start, and people may get the message twice.
func (d *Daemon) deliveryGrace() time.Duration {
	requested := d.stopping.Load()
	if requested == nil {
		return flushTimeout
	}
	return max(deliveryTime-time.Since(*requested), flushTimeout)
}

// flush runs a step of a stop within flushTimeout. It keeps ctx's values but not its cancellation.
func flush(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return step(ctx)
}

// watch runs one generation after another. It returns when ctx has ended and all runs have ended.
func (d *Daemon) watch(ctx context.Context, reloads <-chan os.Signal) {
	var generations sync.WaitGroup
	defer generations.Wait()
	from := dispatch.Handover{Since: time.Now()}
	d.progress.touch(from.Since)
	for {
		generation := d.current
		generations.Go(func() { generation.run(ctx, from) })
		<-generation.dispatcher.Armed() // an immediate reload needs the start of this generation
		if !d.ready.Load() {
			d.ready.Store(true)
			d.options.Notify("READY=1\nSTATUS=" + d.statusLine(time.Now()))
		}
		listeners := listenTo(ctx, generation.destinations, actions{d}, d.options.Logger)
		reloaded := d.nextGeneration(ctx, reloads)
		listeners.close()
		if !reloaded {
			return
		}
		from = generation.dispatcher.Stop()
		d.options.Notify("READY=1\nSTATUS=" + d.statusLine(time.Now()))
	}
}

// nextGeneration waits for a reload that succeeds. It returns false when ctx ended first.
func (d *Daemon) nextGeneration(ctx context.Context, reloads <-chan os.Signal) bool {
	for {
		var reply chan error
		select {
		case <-ctx.Done():
			return false
		case <-reloads:
		case reply = <-d.reloads:
		}
		d.options.Notify("RELOADING=1")
		err := d.reload() //nolint:contextcheck // undelivered messages are written even during a stop
		if reply != nil {
			reply <- err
		}
		d.telemetry.Recorder().Reloaded(err) //nolint:contextcheck // counting takes no context
		if err == nil {
			d.drift.load(time.Now())
			d.options.Logger.InfoContext(ctx, "configuration reloaded",
				"probes", len(d.current.config.Probes), "rules", len(d.current.config.Rules))
			return true
		}
		d.options.Logger.ErrorContext(ctx, "the reload failed; the old configuration stays in force", "error", err)
		d.drift.refuse(err)
		d.options.Notify("READY=1\nSTATUS=" + d.statusLine(time.Now()))
	}
}

// reload builds the next generation and makes it the current one. After an error the current one stays unchanged.
func (d *Daemon) reload() error {
	cfg, err := d.options.Load()
	if err != nil {
		return err
	}
	if err := sameProcess(d.current.config, cfg); err != nil {
		return err
	}
	next, err := d.newGeneration(cfg)
	if err != nil {
		return err
	}
	// The engine is the last part that can fail. Replacing it begins the swap.
	err = d.evaluator.Replace(func(previous *alert.Engine) (*alert.Engine, error) { return newEngine(cfg, previous) })
	if err != nil {
		return err
	}
	d.telemetry.Recorder().SetScope(next.scope())
	d.evaluator.Flush() // so that no incident that the new configuration ended is delivered as FIRING
	d.outbox.Maintain(cfg.Maintenance)
	d.outbox.Replace(next.destinations)
	d.announcers.Store(&next.destinations)
	d.evaluator.Reannounce()
	d.telemetry.Recorder().KeepHealthy(cfg.Telemetry.KeepHealthy)
	d.progress.watch(cfg.Probes)
	d.current = next
	d.running.Store(cfg)
	if d.state.writer != nil {
		d.state.writer.Keep(cfg.Retention)
	}
	logWarnings(d.options.Logger, cfg)
	return nil
}

// feedWatchdog notifies the service manager three times in its interval, as long as no part is stuck. When one gets
// stuck, it logs why, once.
func (d *Daemon) feedWatchdog(ctx context.Context) {
	if d.options.Watchdog <= 0 {
		return
	}
	ticker := time.NewTicker(d.options.Watchdog / 3)
	defer ticker.Stop()
	stuck := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			all := d.health.verdict(now)
			if before := stuck; !isStuck(all) {
				stuck = false
				d.options.Notify("WATCHDOG=1")
			} else if stuck = true; !before {
				d.options.Logger.ErrorContext(ctx, "a part of squarewatch is stuck, so the watchdog is no longer fed",
					"troubles", inWords(all), "goroutines", goroutines())
			}
		}
	}
}
