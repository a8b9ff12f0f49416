package main

import (
	"context"
	"log/slog"
	"sync"

	"squarewatch/alert/outbox"
)

// listeners receive the buttons and commands of one generation's notifiers.
type listeners struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

// listenTo starts a listener for each destination that has one.
func listenTo(ctx context.Context, destinations map[string]outbox.Destination, handler outbox.Commands, logger *slog.Logger) *listeners {
	ctx, stop := context.WithCancel(ctx)
	l := &listeners{stop: stop}
	for name, destination := range destinations {
		listener, ok := destination.Notifier.(outbox.Listener)
		if !ok {
			continue
		}
		l.running.Go(func() { listener.Listen(ctx, handler, logger.With("notifier", name)) })
	}
	return l
}

// close stops the listeners and waits for their end.
func (l *listeners) close() {
	l.stop()
	l.running.Wait()
}
