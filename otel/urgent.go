package otel

import (
	"context"
	"sync"
	"time"

	"squarewatch/otel/wake"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// calm is how long after one urgent export the next may come, so that a storm of failures does not make a request of each.
const calm = 20 * time.Millisecond

// urgent exports what waits in the queue of spans when it is told to: the spans of an unexpected run are those that are
// missed most if the process dies.
type urgent struct {
	signal  wake.Signal // sent when there is something to export
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newUrgent(ctx context.Context, tracers *sdktrace.TracerProvider) *urgent {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	u := &urgent{signal: wake.New(), stop: stop}
	u.running.Go(func() { u.run(ctx, tracers) })
	return u
}

// now asks for an export and waits for nothing.
func (u *urgent) now() {
	if u == nil {
		return
	}
	u.signal.Send()
}

func (u *urgent) run(ctx context.Context, tracers *sdktrace.TracerProvider) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-u.signal:
		}
		_ = tracers.ForceFlush(ctx) // failures are told by those who export
		pause.Reset(calm)
	}
}

// close ends it. What is not exported yet is left to the provider's own shutdown.
func (u *urgent) close() {
	if u == nil {
		return
	}
	u.stop()
	u.running.Wait()
}
