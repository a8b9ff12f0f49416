package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/database"
)

// restore opens the state and restores the engine and the outbox from it.
func (d *Daemon) restore(ctx context.Context, cfg *config.Config) error {
	engine, err := newEngine(cfg, ownParts(cfg), nil)
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
	d.silenced.update(silences, time.Now())
	d.outbox.Mute(silences)
	d.evaluator.Mute(silences)
}

// reportUnwatched reports the runs that were due while no daemon ran. It reports them to every sink except the engine, which was restored
// with them.
func (d *Daemon) reportUnwatched(ctx context.Context) {
	if len(d.unwatched) == 0 {
		return
	}
	runs := 0
	for _, m := range d.unwatched {
		runs += m.Count
		for _, sink := range slices.Concat([]probe.Sink{d.telemetry.Recorder(), d.probes, d.strips}, d.state.sinks(), d.options.Sinks) {
			sink.Missed(m)
		}
	}
	d.options.Logger.WarnContext(ctx, "squarewatch was down; the runs of that time are missed", "runs", runs, "probes", len(d.unwatched))
}

// recoverState loads the state of an earlier process when the database could be opened only after the start.
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

// fillLimit is how long rules wait until their long windows are filled. After it, rules are evaluated with the runs read so far.
const fillLimit = time.Minute

// fillWindows counts the runs from before the start that the windows still lack.
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

// keepEvery is how often the state of firing incidents is written between transitions. A crash loses the changes of at most this time.
const keepEvery = time.Minute

// keepStates writes the state of firing incidents every keepEvery until ctx ends.
func (d *Daemon) keepStates(ctx context.Context) {
	every(ctx, keepEvery, func(time.Time) { d.evaluator.Keep(d.outbox.Keep) })
}
