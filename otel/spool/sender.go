package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"squarewatch/otel/otlperr"

	"github.com/cenkalti/backoff/v5"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/time/rate"
)

// The delay before a try grows from 1 s to 12 s at most, including the random part of a fifth.
const (
	firstDelay = 1250 * time.Millisecond
	maxDelay   = 10 * time.Second
	jitter     = 0.2
	growth     = 2
)

// backlogRate is how many requests a second are sent to a collector that has just come back.
const backlogRate = 50

// Limits of one request, in batches and bytes. Requests are this large so that sending keeps up with recording when the collector is far
// away. A batch that is larger than requestBytes is sent alone. A gRPC server refuses requests above 4 MB by default
// (https://pkg.go.dev/google.golang.org/grpc#MaxRecvMsgSize).
const (
	requestBatches = 100
	requestBytes   = 1 << 20
)

// uploadTimeout limits one upload. The OTLP clients have their own timeout of 10 s by default.
const uploadTimeout = 30 * time.Second

// sender sends the batches of a client. Only its goroutine uses its fields.
type sender struct {
	*Client
	backoff     *backoff.ExponentialBackOff
	limiter     *rate.Limiter
	backlog     bool           // batches have been waiting, so they are sent at backlogRate
	unavailable bool           // the log says that the collector fails
	single      int            // how many batches are sent alone, because a request with all of them was rejected
	outages     rate.Sometimes // limits the log lines about a collector that fails again and again
	rejections  rate.Sometimes
}

// newSenderLocked returns the sender of a client. The caller holds mu.
func newSenderLocked(c *Client) *sender {
	delays := &backoff.ExponentialBackOff{
		InitialInterval: firstDelay, MaxInterval: maxDelay, RandomizationFactor: jitter, Multiplier: growth,
	}
	return &sender{
		Client: c, backoff: delays, limiter: rate.NewLimiter(backlogRate, 1), backlog: c.queue.length() > 0,
		outages: rate.Sometimes{Interval: logInterval}, rejections: rate.Sometimes{Interval: logInterval},
	}
}

// run sends batches until ctx ends, or until no batch waits after Stop.
func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		if s.backlog && s.limiter.Wait(ctx) != nil {
			return
		}
		group := s.nextGroup()
		if len(group) == 0 {
			s.backlog = false
			if !s.waitForBatch(ctx) {
				return
			}
			continue
		}
		if s.send(ctx, group) != otlperr.Failed {
			s.backoff.Reset()
			continue
		}
		s.backlog = true
		s.waitForRetry(ctx, s.backoff.NextBackOff())
	}
}

// nextGroup returns the batches of the next request. It is empty if no batch waits.
func (s *sender) nextGroup() (group []batch) {
	s.retryNow.Clear() // this is the retry
	maxBatches := requestBatches
	if s.single > 0 {
		s.single--
		maxBatches = 1
	}
	s.withQueue(func(q *queue) { group = q.startSending(maxBatches, requestBytes) })
	return group
}

// waitForBatch waits until a batch is added. It returns false if the sender must end.
func (s *sender) waitForBatch(ctx context.Context) (more bool) {
	select {
	case <-s.batchAdded:
		return true
	case <-ctx.Done():
		return false
	case <-s.draining:
		s.withQueue(func(q *queue) { more = q.length() > 0 })
		return more
	}
}

func (s *sender) waitForRetry(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.retryNow:
	case <-ctx.Done():
	}
}

// send sends a group of batches in one request. It removes them from the queue unless they must be sent again.
func (s *sender) send(ctx context.Context, group []batch) otlperr.Outcome {
	spans, total, err := s.readGroup(&group)
	outcome, lost := otlperr.Rejected, total
	if err == nil {
		outcome, lost, err = s.upload(ctx, spans, total)
	} else if !errors.Is(err, errDamaged) {
		outcome = otlperr.Failed
	}
	if ctx.Err() != nil && outcome == otlperr.Failed { // Stop interrupted the upload, so the failure is not the collector's
		s.withQueue(func(q *queue) { q.sendingFailed(errStopped) })
		return outcome
	}
	if outcome == otlperr.Rejected && len(group) > 1 {
		s.single = len(group)
		s.withQueue(func(q *queue) { q.sendingFailed(fmt.Errorf("%w: %w", errFull, err)) })
		return outcome
	}
	s.finish(ctx, outcome, lost, err)
	return outcome
}

// finish updates the queue after a request, removes the files that are no longer needed, and logs the outcome.
func (s *sender) finish(ctx context.Context, outcome otlperr.Outcome, lost int64, err error) {
	batches := 0
	var removed []entry
	s.withQueue(func(q *queue) {
		if !errors.Is(err, errDamaged) { // a damaged file is not an upload
			s.failure = err
		}
		switch {
		case outcome != otlperr.Failed:
			s.failing = time.Time{}
		case s.failing.IsZero():
			s.failing = time.Now()
		}
		batches = q.length()
		if outcome == otlperr.Failed {
			q.sendingFailed(fmt.Errorf("%w: %w", errFull, err))
			return
		}
		removed = q.sendingDone()
		if lost > 0 {
			q.drop(lost, err)
		}
	})
	for _, e := range removed { // the other batches were in memory, or were evicted together with their files
		if errors.Is(err, errDamaged) {
			s.setAside(ctx, e, err)
			continue
		}
		s.removeFile(ctx, e.sequence)
	}
	s.logOutcome(ctx, outcome, err, batches)
}

// readGroup reads the spans of a group. It shortens the group to the batches before the first that cannot be read. If that is the first
// batch of all, it shortens the group to that batch and returns the error.
func (s *sender) readGroup(group *[]batch) (spans []*tracepb.ResourceSpans, total int64, err error) {
	for i, b := range *group {
		part, err := s.readBatch(b)
		if err != nil && i > 0 {
			*group = (*group)[:i]
			s.withQueue(func(q *queue) { q.shortenSending((*group)[i-1].sequence) })
			return spans, total, nil
		}
		if err != nil {
			*group = (*group)[:1]
			s.withQueue(func(q *queue) { q.shortenSending(b.sequence) })
			return nil, b.spans, err
		}
		spans = append(spans, part...)
		total += b.spans
	}
	return spans, total, nil
}

func (s *sender) readBatch(b batch) ([]*tracepb.ResourceSpans, error) {
	file := b.file
	if file == nil {
		var err error
		if file, err = s.disk.read(b.entry); err != nil {
			return nil, err
		}
	}
	return decode(file)
}

// upload sends one request. It returns the outcome and how many spans the collector rejected.
func (s *sender) upload(
	ctx context.Context, spans []*tracepb.ResourceSpans, total int64,
) (outcome otlperr.Outcome, lost int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	err = s.inner.UploadTraces(ctx, spans)
	outcome, lost = otlperr.Classify(err, total)
	if outcome == otlperr.Accepted && lost == 0 {
		err = nil // at most a warning
	}
	return outcome, lost, err
}

// logOutcome logs when the collector goes down and when it is back. It logs at most one outage a minute, because a collector that limits
// the rate fails again and again. It also logs at most once a minute what the collector rejects.
func (s *sender) logOutcome(ctx context.Context, outcome otlperr.Outcome, err error, batches int) {
	damaged := errors.Is(err, errDamaged) // has been logged, and does not show that the collector is up
	switch {
	case outcome == otlperr.Failed && !s.unavailable:
		s.outages.Do(func() {
			s.unavailable = true
			s.logger.WarnContext(ctx, "spans do not reach the collector and wait on disk; nothing else is affected",
				"error", otlperr.Short(err), "fix", "start the collector, or correct telemetry.otlp in the file")
		})
	case outcome != otlperr.Failed && !damaged && s.unavailable:
		s.unavailable = false
		s.logger.InfoContext(ctx, "spans reach the collector again", "batches_waited", batches)
	}
	if outcome != otlperr.Failed && !damaged && err != nil {
		s.rejections.Do(func() {
			s.logger.ErrorContext(ctx, "spans are dropped: the collector rejected them; all others are sent",
				"spans_dropped", s.Dropped(), "error", otlperr.Short(err),
				"fix", "read the collector's message; it may be configured to accept less than squarewatch sends")
		})
	}
}
