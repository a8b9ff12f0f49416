package otel

import (
	"context"
	"sync"

	"squarewatch/alert"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/trace"

	"squarewatch/config/setting"
)

// Recorder turns what happens into spans and metrics. Its methods may be called from many goroutines and wait for nothing.
type Recorder struct {
	spans    spanWriter
	keeper   keeper
	urgent   *urgent // may be nil
	measures *measures
	gauges   *gauges

	mu    sync.RWMutex // held to read while something is counted, so that nothing that is gone comes back
	known *known       // nil until it is told
}

var (
	_ probe.Sink             = (*Recorder)(nil)
	_ probe.Identifiers      = (*Recorder)(nil)
	_ alert.DeliveryObserver = (*Recorder)(nil)
)

// newRecorder returns a recorder that keeps all traces, or none when tracer is nil.
func newRecorder(tracer trace.Tracer, all *registry, userAgent string) *Recorder {
	measures := addMeasures(all)
	r := &Recorder{
		spans:    spanWriter{tracer: tracer, userAgent: userAgent},
		keeper:   keeper{on: tracer != nil, durations: measures.duration},
		measures: measures, gauges: addGauges(all),
	}
	r.KeepHealthy(1)
	return r
}

// KeepHealthy sets the share of healthy runs whose trace is kept, 0 to 1.
func (r *Recorder) KeepHealthy(share setting.Share) { r.keeper.setShare(share) }

// Finished counts a run and, if its trace is kept, writes all its spans. A run that our own shutdown stopped has no class and is left out.
func (r *Recorder) Finished(result *probe.Result) {
	for i := range result.Renewals {
		r.renewed(&result.Renewals[i])
	}
	if result.Class == probe.ClassNone {
		return
	}
	ctx := context.Background()
	if r.keeper.keeps(result) {
		ctx = r.spans.run(result)
		if !result.Expected {
			r.urgent.now()
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.known.probe(result.Probe) {
		r.measures.run(ctx, result, r.known)
		r.gauges.note(result)
	}
}

func (r *Recorder) renewed(renewal *probe.Renewal) {
	if r.keeper.on {
		r.spans.renewal(renewal)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.known.credential(renewal.Credential) {
		r.measures.renewals.add(context.Background(), renewalKey{renewal.Credential, renewal.Outcome}, 1)
		r.gauges.renewed(renewal)
	}
}

// Missed counts runs that were not started.
func (r *Recorder) Missed(m probe.Miss) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.known.probe(m.Probe) {
		r.measures.missed.add(context.Background(), missKey{m.Probe, m.Reason}, m.Count)
	}
}

// Delivered counts an attempt to deliver a message.
func (r *Recorder) Delivered(notifier string, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.known.notifier(notifier) {
		r.measures.delivered(notifier, err)
	}
}

// Reloaded counts a reload of the configuration that succeeded, or failed with err.
func (r *Recorder) Reloaded(err error) {
	outcome := outcomeSuccess
	if err != nil {
		outcome = outcomeFailure
	}
	r.measures.reloads.add(context.Background(), outcome, 1)
}

// Transition writes the span of an alert that changed its state, and returns a context that stands in its trace. A reminder
// changes nothing and gets no span.
func (r *Recorder) Transition(t alert.Transition) context.Context {
	if t.Event == alert.EventUpdate || !r.keeper.on {
		return context.Background()
	}
	return r.spans.transition(&t)
}

// Watch sets where the gauges of rules and of waiting messages are read from whenever metrics are collected.
// Both must be safe to call from any goroutine.
func (r *Recorder) Watch(alerts func() []alert.Status, backlog func() []alert.Backlog) {
	r.gauges.watch(alerts, backlog)
}

// Cover forgets the series of everything but what the scope names, and begins those that count rare things at zero, so that to
// Prometheus the first is an increase. What a run of the configuration before brings afterwards is not counted any more.
func (r *Recorder) Cover(s Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = newKnown(&s)
	r.gauges.retain(r.known)
	r.measures.retain(r.known)
	r.measures.expect(s.Notifiers, s.Renewed)
}
