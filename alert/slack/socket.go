package slack

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"squarewatch/alert/outbox"

	"github.com/cenkalti/backoff/v5"
)

var _ outbox.Listener = (*Notifier)(nil)

const (
	longestPause = time.Minute      // between two tries to connect
	slowPause    = 10 * time.Minute // after a refusal that a person must mend
)

// Listen hears what people answer, in Socket Mode, until ctx ends: buttons under messages, and the command /squarewatch. Without an
// app token it returns at once. It connects again whenever the connection ends; after a refusal that a person must mend, every ten
// minutes. See https://docs.slack.dev/apis/events-api/using-socket-mode.
func (n *Notifier) Listen(ctx context.Context, desk outbox.Desk, logger *slog.Logger) {
	if n.settings.AppToken.IsZero() {
		return
	}
	var running sync.WaitGroup
	defer n.hearing.end()
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waits := &backoff.ExponentialBackOff{InitialInterval: 250 * time.Millisecond, Multiplier: 2, MaxInterval: longestPause, RandomizationFactor: 0.5}
	waits.Reset()
	slots := make(chan struct{}, atOnce)
	for ctx.Err() == nil {
		begun := time.Now()
		fault := n.converse(ctx, &session{notifier: n, desk: desk, logger: logger, running: &running, slots: slots})
		if time.Since(begun) > steadyAfter { // a connection that breaks at once again is no success
			waits.Reset()
		}
		if ctx.Err() != nil {
			return
		}
		pause := waits.NextBackOff()
		if fault != nil {
			n.hearing.closed(ctx, logger, fault)
			pause = max(pause, fault.RetryAfter)
			if fault.Permanent {
				pause = slowPause
			}
		}
		sleep(ctx, pause)
	}
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// converse opens a connection and listens over it until another one is needed. After Slack's warning that the connection will end, it
// returns while the connection still serves, so that no press is lost between two connections. It returns why it failed; nil when
// Slack asked for another connection.
func (n *Notifier) converse(ctx context.Context, s *session) *outbox.DeliveryError {
	if fault := s.open(ctx); fault != nil {
		return fault
	}
	end := make(chan *outbox.DeliveryError, 1)
	warned := make(chan struct{})
	s.running.Go(func() { end <- s.serve(ctx, warned) })
	select {
	case fault := <-end:
		if fault == nil {
			n.hearing.closed(ctx, s.logger, nil)
		}
		return fault
	case <-warned:
		return nil
	}
}
