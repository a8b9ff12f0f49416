package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"
)

// Tries come after 1 s at first and 12 s at last, the jitter of a fifth included.
const (
	firstTry = 1250 * time.Millisecond
	lastTry  = 10 * time.Second
	jitter   = 0.2
	growth   = 2
)

// pace is how many batches a second go to a collector that has just come back.
const pace = 50

// patience bounds one upload. The clients of OTLP give up after 10 s by themselves.
const patience = 30 * time.Second

// sender is the one goroutine that sends, and what it alone knows.
type sender struct {
	*Client
	backoff  *backoff.ExponentialBackOff
	limiter  *rate.Limiter
	behind   bool // there is a backlog: it leaves at a pace
	away     bool // the collector
	refusals rate.Sometimes
}

// newSender is called under the lock.
func newSender(c *Client) *sender {
	tries := &backoff.ExponentialBackOff{InitialInterval: firstTry, MaxInterval: lastTry, RandomizationFactor: jitter, Multiplier: growth}
	return &sender{Client: c, backoff: tries, limiter: rate.NewLimiter(pace, 1), behind: c.queue.waiting() > 0, refusals: rate.Sometimes{Interval: occasion}}
}

// run sends batch after batch until ctx ends, or nothing waits after Stop.
func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		if s.behind && s.limiter.Wait(ctx) != nil {
			return
		}
		batch, ok := s.take()
		if !ok {
			s.behind = false
			if !s.idle(ctx) {
				return
			}
			continue
		}
		if s.deliver(ctx, batch) != failed {
			s.backoff.Reset()
			continue
		}
		s.behind = true
		s.wait(ctx, s.backoff.NextBackOff())
	}
}

func (s *sender) take() (batch held, ok bool) {
	select {
	case <-s.hurry: // the try that it asks for begins
	default:
	}
	s.locked(func(q *queue) { batch, ok = q.next() })
	return batch, ok
}

// idle waits for a batch and reports whether to go on.
func (s *sender) idle(ctx context.Context) (more bool) {
	select {
	case <-s.arrival:
		return true
	case <-ctx.Done():
		return false
	case <-s.draining:
		s.locked(func(q *queue) { more = q.waiting() > 0 })
		return more
	}
}

// wait waits for the next try.
func (s *sender) wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.hurry:
	case <-ctx.Done():
	}
}

// deliver sends one batch and takes it out of the queue, unless it is worth another try.
func (s *sender) deliver(ctx context.Context, batch held) verdict {
	outcome, lost, err := s.upload(ctx, batch)
	if ctx.Err() != nil && outcome == failed { // Stop gave it up, which says nothing about the collector
		s.locked(func(q *queue) { q.returned(batch.entry, errStopped) })
		return failed
	}
	waited, stored := 0, false
	s.locked(func(q *queue) {
		if !errors.Is(err, errDamaged) { // that is no upload
			s.failure = err
		}
		waited = q.waiting()
		if outcome == failed {
			q.returned(batch.entry, fmt.Errorf("%w: %w", errFull, err))
			return
		}
		stored = q.arrived(batch.entry)
		if lost > 0 {
			q.drop(lost, err)
		}
	})
	switch {
	case !stored: // it was in memory, or has been pushed out, and its file with it
	case errors.Is(err, errDamaged):
		s.setAside(ctx, batch.entry, err)
	default:
		s.remove(ctx, batch.sequence)
	}
	s.say(ctx, outcome, err, waited)
	return outcome
}

// upload returns what came of one batch, and how many of its spans are lost.
func (s *sender) upload(ctx context.Context, batch held) (outcome verdict, lost int64, err error) {
	file := batch.file
	if file == nil {
		if file, err = s.directory.read(batch.entry); err != nil && !errors.Is(err, errDamaged) {
			return failed, 0, err
		}
	}
	if err != nil {
		return refused, batch.spans, err
	}
	spans, err := decode(file)
	if err != nil {
		return refused, batch.spans, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.inner.UploadTraces(ctx, spans)
	outcome, lost = judge(err, batch.spans)
	if outcome == taken && lost == 0 {
		err = nil // a collector that took all may have a remark
	}
	return outcome, lost, err
}

// say tells people once that the collector is away and once that it is back, and now and then what it refuses.
func (s *sender) say(ctx context.Context, outcome verdict, err error, waited int) {
	damaged := errors.Is(err, errDamaged) // which was said, and says nothing of the collector
	switch {
	case outcome == failed && !s.away:
		s.away = true
		s.logger.WarnContext(ctx, "spans do not arrive at their collector and wait on disk; everything else goes on",
			"error", short(err), "fix", "start the collector, or correct telemetry.otlp in the file")
	case outcome != failed && !damaged && s.away:
		s.away = false
		s.logger.InfoContext(ctx, "spans arrive at their collector again", "batches_waited", waited)
	}
	if outcome != failed && !damaged && err != nil {
		s.refusals.Do(func() {
			s.logger.ErrorContext(ctx, "spans are dropped: the collector refuses them for good; all others are sent",
				"spans_dropped", s.Dropped(), "error", short(err), "fix", "see what the collector says; it may be set to take less than it is sent")
		})
	}
}
