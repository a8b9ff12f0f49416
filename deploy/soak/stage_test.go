//go:build soak

package soak_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// span is a stretch of time.
type span struct{ from, until time.Time }

func (s span) holds(at time.Time, margin time.Duration) bool {
	return at.After(s.from.Add(-margin)) && at.Before(s.until.Add(margin))
}

// silenced is a silence of one probe's messages.
type silenced struct {
	span

	probe  string
	unsure bool // the daemon did not answer: it may have taken the silence
}

// stage is the daemon and everything around it.
type stage struct {
	ctx       context.Context //nolint:containedctx // it is that of the whole soak
	target    *target
	slack     *slackstub.Server
	slackings *troubles[slackstub.Fault]
	collector *collector
	names     *names
	disk      *disk
	daemon    *daemon
	journal   journal
}

// journal is what the soak did that the promises depend on.
type journal struct {
	mu       sync.Mutex
	silences []silenced
	stood    []span // the process stood still
	busy     []span // a neighbour took a processor
	slack    []span // Slack did not take messages
	unsure   []span // the state could not be written: a process that ended meanwhile may have lost it, and one that began is without it
	restarts []span // from the signal until the next start
	kills    []time.Time
}

// note records a stretch of time.
func (j *journal) note(list *[]span, from, until time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	*list = append(*list, span{from, until})
}

func newStage(ctx context.Context, binary, dir string) (*stage, error) {
	s := &stage{ctx: ctx, target: newTarget(), slack: slackstub.New(), collector: newCollector()}
	s.slackings = &troubles[slackstub.Fault]{apply: func(what *slackstub.Fault) {
		if what == nil {
			what = &slackstub.Fault{}
		}
		s.slack.Always(*what)
	}}
	var err error
	if s.names, err = newNames(ctx); err != nil {
		return s, err
	}
	if s.disk, err = newDisk(filepath.Join(dir, "state")); err != nil {
		return s, err
	}
	_, port, err := net.SplitHostPort(s.target.server.Listener.Addr().String())
	if err != nil {
		return s, err
	}
	s.daemon, err = newDaemon(ctx, binary, dir, &s.journal, around{
		target: "http://" + net.JoinHostPort(targetName, port), resolver: s.names.conn.LocalAddr().String(),
		webhook: s.slack.Webhook(), collector: s.collector.URL, state: s.disk.path,
	})
	return s, err
}

// close ends everything that is left.
func (s *stage) close() {
	if s.daemon != nil {
		s.daemon.kill()
	}
	if s.disk != nil {
		s.disk.close()
	}
	if s.names != nil {
		_ = s.names.conn.Close()
	}
	s.slack.Close()
	s.target.server.Close()
	s.collector.Close()
}

// play runs a plan on a daemon that has just started: warm-up, and faults.
func (s *stage) play(plan []fault) error {
	began, all := time.Now(), kinds()
	var running sync.WaitGroup
	errs := make(chan error, len(plan))
	for _, f := range plan {
		running.Go(func() {
			if !s.wait(time.Until(began.Add(f.At))) {
				return
			}
			end, err := all[f.Kind].begin(s, f)
			if err != nil {
				errs <- fmt.Errorf("%v: %w", f, err)
			}
			s.wait(time.Until(began.Add(f.At + f.Lasts)))
			if end != nil {
				end()
			}
		})
	}
	running.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// wait waits; false when the soak is over.
func (s *stage) wait(d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lostBefore is how long before a kill a run may end whose result was not yet on disk.
const lostBefore = 3 * time.Second

// inProgress is how long before the end of a process a run may be due that was in progress then, with its looks.
const inProgress = 7 * time.Second

// nearRestart reports whether a run may be lost because the process ended or was not there. A process that was killed while it stood still
// had no time to record what it missed.
func (j *journal) nearRestart(at time.Time) bool {
	stoodTo := func(end time.Time) bool {
		return slices.ContainsFunc(j.stood, func(s span) bool { return s.holds(at, lostBefore) && s.holds(end, lostBefore) })
	}
	return slices.ContainsFunc(j.restarts, func(r span) bool {
		return at.After(r.from.Add(-inProgress)) && at.Before(r.until.Add(lostBefore)) || stoodTo(r.from)
	}) || j.unsureAt(at)
}

// nearKill reports whether what ended at a time may be lost because the process was killed.
func (j *journal) nearKill(at time.Time) bool {
	return slices.ContainsFunc(j.kills, func(k time.Time) bool { return k.Sub(at) < lostBefore && at.Sub(k) < time.Second }) || j.unsureAt(at)
}

// nearEnd reports whether a process was ending, or had ended, when Slack took a message: it may not have got the answer.
func (j *journal) nearEnd(at time.Time) bool {
	return j.nearKill(at) || slices.ContainsFunc(j.restarts, func(r span) bool { return r.holds(at, time.Second) })
}

// unsureAt reports whether a process ended before it could write what happened at a time.
func (j *journal) unsureAt(at time.Time) bool {
	return slices.ContainsFunc(j.unsure, func(u span) bool {
		ended := slices.ContainsFunc(j.restarts, func(r span) bool { return !r.from.Before(at.Add(-time.Second)) && u.holds(r.from, 0) })
		return ended && u.holds(at, lostBefore)
	})
}

// disturbed reports whether the machine itself kept the daemon from running.
func (j *journal) disturbed(at time.Time) bool {
	return slices.ContainsFunc(slices.Concat(j.stood, j.busy, j.restarts), func(d span) bool { return d.holds(at, 3*time.Second) })
}
