package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/heartbeat"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/blame"
	"squarewatch/probe/history"
)

// Options are the dependencies of a Daemon.
type Options struct {
	Load     func() (*config.Config, error) // reads the configuration, at the start and at every reload
	Logger   *slog.Logger
	Notify   func(state string)                // notifies the service manager; see sd_notify(3)
	Watchdog time.Duration                     // interval in which the service manager expects notifications; 0 for none
	Sum      func() ([sha256.Size]byte, error) // hash of the configuration file as it is now; nil without a file
	Sinks    []probe.Sink                      // receive every run, beside the daemon's own
	Listener net.Listener                      // of the pages and metrics; the file's listen when nil
	Peer     func(net.Conn) string             // the user at the other end, if allowed to make changes, or empty; peerOfSocket when nil

	RuntimeDirectory string // of the socket for changes; state_dir when empty

	Dial             func(ctx context.Context, network, address string) (net.Conn, error) // to the target; a net.Dialer when nil
	DialConnectivity func(ctx context.Context, network, address string) (net.Conn, error) // for the connectivity check; a net.Dialer when nil
}

// Daemon is the whole program as a value: two of them can run in one process. It holds the long-lived parts. A generation holds the parts
// that are built from a configuration and that a reload replaces.
type Daemon struct {
	options     Options
	telemetry   *otel.Telemetry
	outbox      *outbox.Outbox
	judge       *blame.Judge // of all generations
	evaluator   *alert.Evaluator
	silences    *alert.Silences
	state       *state
	started     time.Time  // runs reach the engine from this time on
	copying     sync.Mutex // held while a copy of the database is made
	probes      *probeStates
	strips      *statuspage.Strips
	ended       *endedIncidents
	silenced    pastSilences
	page        *statuspage.Server
	unwatched   []probe.Miss // runs that were due while no daemon ran
	progress    *progress
	health      *health
	attempts    *attempts
	drift       *drift
	comparing   atomic.Bool // the file is being compared with what runs
	shortage    *shortage
	refusals    refusals
	listener    net.Listener
	socket      net.Listener // for changes; nil for none
	news        chan news    // changes by people, to be announced
	wrongTokens wrongTokens  // wrong tokens in the login form
	uptimes     uptimes      // for badges
	keys        keyAges
	ready       atomic.Bool
	reloads     chan chan error // requested over HTTP
	current     *generation     // used by New and Run only
	running     atomic.Pointer[config.Config]
	stopping    atomic.Pointer[time.Time]                     // when the stop was requested
	announcers  atomic.Pointer[map[string]outbox.Destination] // destinations of the current generation

	credentials atomic.Pointer[map[string]probe.Credential] // of the current generation, for the page
}

// New reads the configuration and builds everything that can fail. It starts nothing. When it returns an error, it has closed everything
// that it opened.
func New(ctx context.Context, options Options) (_ *Daemon, err error) {
	cfg, err := options.Load()
	if err != nil {
		return nil, err
	}
	d := newDaemon(options)
	if d.listener == nil {
		if d.listener, err = listen(ctx, cfg.Listen); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeAll(ctx))
		}
	}()
	if err := d.openTelemetry(ctx, cfg); err != nil {
		return nil, err
	}
	if err := d.restore(ctx, cfg); err != nil {
		return nil, err
	}
	d.connectGauges()
	if d.page, err = d.newPage(); err != nil {
		return nil, err
	}
	if d.current, err = d.newGeneration(cfg); err != nil {
		return nil, err
	}
	d.telemetry.Recorder().SetScope(d.current.scope())
	d.socket = d.openSocket(ctx, cfg)
	d.announcers.Store(&d.current.destinations)
	d.credentials.Store(&d.current.credentials)
	d.outbox.Replace(d.current.destinations) //nolint:contextcheck // undelivered messages are written even during a stop
	d.running.Store(cfg)
	// Nothing is delivered before Run, so messages from an earlier process are first compared with this configuration.
	d.evaluator.Reannounce()
	d.evaluator.Flush()
	d.progress.watch(cfg.Probes)
	logWarnings(d.options.Logger, cfg)
	return d, nil
}

// newDaemon returns a daemon with the parts that need no configuration.
func newDaemon(options Options) *Daemon {
	d := &Daemon{
		options: options, progress: &progress{}, attempts: newAttempts(), drift: &drift{}, probes: newProbeStates(), state: &state{},
		strips: statuspage.NewStrips(), ended: &endedIncidents{},
		judge: blame.NewJudge(), started: time.Now(), listener: options.Listener,
		reloads: make(chan chan error), news: make(chan news, maxNews),
	}
	if d.options.Peer == nil {
		d.options.Peer = peerOfSocket
	}
	d.health = newHealth(d.healthChecks())
	d.drift.load(time.Now())
	return d
}

// openTelemetry sets up tracing, metrics and logs. From then on squarewatch's own log lines also go to the collector, if the file says so.
func (d *Daemon) openTelemetry(ctx context.Context, cfg *config.Config) (err error) {
	if d.telemetry, err = newTelemetry(ctx, cfg, spoolDir(cfg), d.options.Logger); err != nil {
		return err
	}
	d.options.Logger = d.telemetry.Logger(d.options.Logger)
	d.shortage = &shortage{logger: d.options.Logger}
	return nil
}

// connectGauges tells the recorder where it reads the gauges.
func (d *Daemon) connectGauges() {
	recorder := d.telemetry.Recorder()
	recorder.SetGaugeSources(d.evaluator.Snapshot, d.outbox.Status)
	recorder.SetHealthSource(d.healthGauges)
	if d.state.wanted() {
		recorder.SetStateSource(d.stateStatus)
	}
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

// Run probes until ctx ends and reloads at each signal from reloads. It then stops in order: no new runs start, runs end, the last
// messages are delivered, spans are flushed. It returns nil after a clean stop.
func (d *Daemon) Run(ctx context.Context, reloads <-chan os.Signal) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, d.recordStop)()
	var services sync.WaitGroup
	services.Go(func() { d.evaluator.Run(background) })
	services.Go(func() { d.outbox.Run(background) })
	services.Go(func() { d.health.run(background) })
	services.Go(func() { d.reportParts(background) })
	services.Go(func() { d.feedWatchdog(background) })
	services.Go(func() { d.sendStatus(background) })
	services.Go(func() { heartbeat.Run(background, d.heartbeat()) })
	services.Go(func() { d.keepStates(background) })
	services.Go(func() { d.watchKeys(background) })
	services.Go(func() { d.page.Run(background) })
	late := d.state.store() == nil
	services.Go(func() {
		d.state.run(background, func() history.Retention { return d.config().Retention }, func(ctx context.Context, o *opened) {
			if late {
				d.recoverState(ctx, o)
			}
			d.fillWindows(ctx, o)
			d.recallPage(ctx, o)
		})
	})
	d.reportUnwatched(ctx)
	services.Go(func() { d.announceNews(background) })
	services.Go(func() { d.queueDigests(ctx) })
	shutdown := d.serve(ctx, &services)
	d.options.Logger.InfoContext(ctx, "squarewatch started", "probes", len(d.current.config.Probes), "rules", len(d.current.config.Rules),
		"target", d.current.config.Target.String(), "listen", d.Addr().String())

	d.watch(ctx, reloads) // returns when the last run has ended

	d.recordStop() // AfterFunc may call it later
	d.options.Notify("STOPPING=1")
	d.evaluator.Keep(d.outbox.Keep)
	stop() // the outbox delivers its last messages while the server finishes its last answers
	err := flush(ctx, shutdown)
	services.Wait()
	d.logUndelivered(ctx)
	d.options.Logger.InfoContext(ctx, "squarewatch stopped")
	return errors.Join(err, flush(ctx, d.telemetry.Shutdown), d.state.Close())
}
