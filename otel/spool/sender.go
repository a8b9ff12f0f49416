package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/time/rate"
)

// Tries come after 1 s at first and 12 s at last, the jitter of a fifth included.
const (
	firstTry = 1250 * time.Millisecond
	lastTry  = 10 * time.Second
	jitter   = 0.2
	growth   = 2
)

// pace is how many requests a second go to a collector that has just come back.
const pace = 50

// So many batches, and so many bytes of them, leave in one request when several wait: a collector that is far away must not
// fall behind what is recorded. One that is larger by itself leaves alone. Collectors refuse 4 MiB over gRPC.
const (
	requestBatches = 100
	requestSize    = 1 << 20
)

// patience bounds one upload. The clients of OTLP give up after 10 s by themselves.
const patience = 30 * time.Second

// sender is the one goroutine that sends, and what it alone knows.
type sender struct {
	*Client
	backoff  *backoff.ExponentialBackOff
	limiter  *rate.Limiter
	behind   bool // there is a backlog: it leaves at a pace
	away     bool // the collector
	alone    int  // so many batches leave alone: of them together, one was refused
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
		group := s.take()
		if len(group) == 0 {
			s.behind = false
			if !s.idle(ctx) {
				return
			}
			continue
		}
		if s.deliver(ctx, group) != failed {
			s.backoff.Reset()
			continue
		}
		s.behind = true
		s.wait(ctx, s.backoff.NextBackOff())
	}
}

func (s *sender) take() (group []held) {
	select {
	case <-s.hurry: // the try that it asks for begins
	default:
	}
	batches := requestBatches
	if s.alone > 0 {
		s.alone--
		batches = 1
	}
	s.locked(func(q *queue) { group = q.next(batches, requestSize) })
	return group
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

// deliver sends batches in one request and takes them out of the queue, unless they are worth another try.
func (s *sender) deliver(ctx context.Context, group []held) verdict {
	spans, total, err := s.read(&group)
	outcome, lost := refused, total
	if err == nil {
		outcome, lost, err = s.upload(ctx, spans, total)
	} else if !errors.Is(err, errDamaged) {
		outcome = failed
	}
	if ctx.Err() != nil && outcome == failed { // Stop gave it up, which says nothing about the collector
		s.locked(func(q *queue) { q.returned(errStopped) })
		return failed
	}
	if outcome == refused && len(group) > 1 {
		s.alone = len(group)
		s.locked(func(q *queue) { q.returned(fmt.Errorf("%w: %w", errFull, err)) })
		return outcome
	}
	waited := 0
	var stored []entry
	s.locked(func(q *queue) {
		if !errors.Is(err, errDamaged) { // that is no upload
			s.failure = err
		}
		waited = q.waiting()
		if outcome == failed {
			q.returned(fmt.Errorf("%w: %w", errFull, err))
			return
		}
		stored = q.arrived()
		if lost > 0 {
			q.drop(lost, err)
		}
	})
	for _, e := range stored { // the others were in memory, or have been pushed out, and their files with them
		if errors.Is(err, errDamaged) {
			s.setAside(ctx, e, err)
			continue
		}
		s.remove(ctx, e.sequence)
	}
	s.say(ctx, outcome, err, waited)
	return outcome
}

// read returns the spans of a group. The first batch that cannot be read ends the group, or is all of it if it stands first.
func (s *sender) read(group *[]held) (spans []*tracepb.ResourceSpans, total int64, err error) {
	for i, batch := range *group {
		part, err := s.open(batch)
		if err != nil && i > 0 {
			*group = (*group)[:i]
			s.locked(func(q *queue) { q.shorten((*group)[i-1].sequence) })
			return spans, total, nil
		}
		if err != nil {
			*group = (*group)[:1]
			s.locked(func(q *queue) { q.shorten(batch.sequence) })
			return nil, batch.spans, err
		}
		spans = append(spans, part...)
		total += batch.spans
	}
	return spans, total, nil
}

// open returns the spans of one batch.
func (s *sender) open(batch held) ([]*tracepb.ResourceSpans, error) {
	file := batch.file
	if file == nil {
		var err error
		if file, err = s.directory.read(batch.entry); err != nil {
			return nil, err
		}
	}
	return decode(file)
}

// upload returns what came of one request, and how many of its spans are lost.
func (s *sender) upload(ctx context.Context, spans []*tracepb.ResourceSpans, total int64) (outcome verdict, lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.inner.UploadTraces(ctx, spans)
	outcome, lost = judge(err, total)
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
			"error", Short(err), "fix", "start the collector, or correct telemetry.otlp in the file")
	case outcome != failed && !damaged && s.away:
		s.away = false
		s.logger.InfoContext(ctx, "spans arrive at their collector again", "batches_waited", waited)
	}
	if outcome != failed && !damaged && err != nil {
		s.refusals.Do(func() {
			s.logger.ErrorContext(ctx, "spans are dropped: the collector refuses them for good; all others are sent",
				"spans_dropped", s.Dropped(), "error", Short(err), "fix", "see what the collector says; it may be set to take less than it is sent")
		})
	}
}
