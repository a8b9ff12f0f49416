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
	maxPause  = time.Minute      // between two attempts to connect
	slowPause = 10 * time.Minute // after a refusal that a person must fix
)

// Listen receives buttons and the command /squarewatch over Socket Mode until ctx ends. Without an app token it returns at once. It
// reconnects whenever the connection ends; after a refusal that a person must fix, every ten minutes. See
// https://docs.slack.dev/apis/events-api/using-socket-mode.
func (n *Notifier) Listen(ctx context.Context, actions outbox.Commands, logger *slog.Logger) {
	if n.settings.AppToken.IsZero() {
		return
	}
	var running sync.WaitGroup
	defer n.connection.end()
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: 250 * time.Millisecond, Multiplier: 2, MaxInterval: maxPause, RandomizationFactor: 0.5,
	}
	pauses.Reset()
	slots := make(chan struct{}, atOnce)
	for ctx.Err() == nil {
		begun := time.Now()
		fault := n.connect(ctx, &session{notifier: n, actions: actions, logger: logger, running: &running, slots: slots})
		if time.Since(begun) > steadyAfter { // a shorter connection does not count as a success
			pauses.Reset()
		}
		if ctx.Err() != nil {
			return
		}
		pause := pauses.NextBackOff()
		if fault != nil {
			n.connection.closed(ctx, logger, fault)
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

// connect opens a connection and serves it until another one is needed. After Slack's warning that the connection will end, it returns
// while the connection is still served, so that no button press is lost between two connections. It returns the fault; nil when Slack
// asked for another connection.
func (n *Notifier) connect(ctx context.Context, s *session) *outbox.DeliveryError {
	if fault := s.open(ctx); fault != nil {
		return fault
	}
	end := make(chan *outbox.DeliveryError, 1)
	warned := make(chan struct{})
	s.running.Go(func() { end <- s.serve(ctx, warned) })
	select {
	case fault := <-end:
		if fault == nil {
			n.connection.closed(ctx, s.logger, nil)
		}
		return fault
	case <-warned:
		return nil
	}
}
