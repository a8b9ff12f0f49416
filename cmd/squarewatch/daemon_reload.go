package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe/dispatch"
)

// watch runs one generation after another. It returns when ctx has ended and all runs have ended.
func (d *Daemon) watch(ctx context.Context, reloads <-chan os.Signal) {
	var generations sync.WaitGroup
	defer func() {
		generations.Wait()
		d.current.dispatcher.MissRest()
	}()
	from := dispatch.Handover{Since: time.Now()}
	d.progress.touch(from.Since)
	for {
		generation := d.current
		generations.Go(func() { generation.run(ctx, from) })
		<-generation.dispatcher.Armed() // a reload needs a generation that has started
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
		d.recordReload(ctx, err)
		if reply != nil {
			reply <- err
		}
		if err == nil {
			return true
		}
		d.options.Notify("READY=1\nSTATUS=" + d.statusLine(time.Now()))
	}
}

// recordReload makes the outcome of a reload known to the metrics, the status and the log.
func (d *Daemon) recordReload(ctx context.Context, err error) {
	d.telemetry.Recorder().Reloaded(err) //nolint:contextcheck // counting takes no context
	if err != nil {
		d.drift.refuse(err)
		d.options.Logger.ErrorContext(ctx, "the reload failed; the old configuration stays in force", "error", err)
		return
	}
	now := time.Now()
	if d.drift.load(now); d.state.writer != nil {
		d.state.writer.Reloaded(now)
	}
	d.options.Logger.InfoContext(ctx, "configuration reloaded", "file", d.current.config.File,
		"probes", len(d.current.config.Probes), "rules", len(d.current.config.Rules))
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
	err = d.evaluator.Replace(func(previous *alert.Engine) (*alert.Engine, error) {
		return newEngine(cfg, ownParts(cfg), previous)
	})
	if err != nil {
		return err
	}
	d.telemetry.Recorder().SetScope(next.scope())
	d.evaluator.Flush() // an incident that the new configuration ended must not be delivered as FIRING
	d.outbox.Maintain(cfg.Maintenance)
	d.outbox.Replace(next.destinations)
	d.announcers.Store(&next.destinations)
	d.credentials.Store(&next.credentials)
	d.evaluator.Reannounce()
	d.telemetry.Recorder().KeepHealthy(cfg.Telemetry.KeepHealthy)
	d.progress.watch(cfg.Probes)
	d.forgetReplaced(d.current, next)
	d.current = next
	d.running.Store(cfg)
	if d.state.writer != nil {
		d.state.writer.Keep(cfg.Retention)
	}
	logWarnings(d.options.Logger, cfg)
	return nil
}

// sameProcess refuses changes that need a restart.
func sameProcess(current, next *config.Config) error {
	var faults []error
	if current.Listen != next.Listen {
		faults = append(faults, fmt.Errorf("listen changed from %s to %s: a reload cannot change the port; restart the service",
			current.Listen, next.Listen))
	}
	if current.StateDir != next.StateDir {
		faults = append(faults, fmt.Errorf("state_dir changed from %s to %s: a reload cannot move the database; restart the service",
			current.StateDir, next.StateDir))
	}
	if !current.Telemetry.OTLP.Equal(&next.Telemetry.OTLP) {
		faults = append(faults, errors.New("telemetry.otlp changed: a reload cannot change the exporters; restart the service"))
	}
	if current.Telemetry.Spool != next.Telemetry.Spool {
		faults = append(faults, errors.New("telemetry.spool changed: a reload cannot resize it; restart the service"))
	}
	if current.Telemetry.ClassicBuckets != next.Telemetry.ClassicBuckets {
		faults = append(faults, errors.New("telemetry.classic_buckets changed: a reload cannot change the metrics; restart the service"))
	}
	return errors.Join(faults...)
}
