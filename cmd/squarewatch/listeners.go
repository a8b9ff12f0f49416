package main

import (
	"context"
	"log/slog"
	"sync"

	"squarewatch/alert/outbox"
)

// listeners hear what people answer to messages, for the notifiers of one generation that can.
type listeners struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

// listenTo starts a listener for each destination that has one.
func listenTo(ctx context.Context, destinations map[string]outbox.Destination, desk outbox.Desk, logger *slog.Logger) *listeners {
	ctx, stop := context.WithCancel(ctx)
	l := &listeners{stop: stop}
	for name, destination := range destinations {
		listener, ok := destination.Notifier.(outbox.Listener)
		if !ok {
			continue
		}
		l.running.Go(func() { listener.Listen(ctx, desk, logger.With("notifier", name)) })
	}
	return l
}

// close ends them and waits for that.
func (l *listeners) close() {
	l.stop()
	l.running.Wait()
}
