package otel

import (
	"context"
	"sync"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/setting"
	"squarewatch/otel/metric"
	"squarewatch/probe"
)

// Recorder records results as spans and metrics. Its methods do not block, and several goroutines may call them at the same time.
type Recorder struct {
	spans         *spanWriter
	keeper        keeper
	requestExport func() // asks for the export of what is recorded; does nothing without a spool
	instruments   *instruments
	gauges        *gauges
	state         *stateGauges

	// mu is locked for reading while something is recorded, so that a late result cannot recreate a series that SetScope deletes.
	mu    sync.RWMutex
	scope *scopeIndex // nil before the first SetScope
}

var (
	_ probe.Sink              = (*Recorder)(nil)
	_ probe.Identifiers       = (*Recorder)(nil)
	_ outbox.DeliveryObserver = (*Recorder)(nil)
)

// newRecorder returns a recorder that keeps all traces. It keeps none without a writer of spans.
func newRecorder(spans *spanWriter, registry *metric.Registry, classicBuckets bool) *Recorder {
	instruments := newInstruments(registry, classicBuckets)
	r := &Recorder{
		spans:         spans,
		keeper:        keeper{enabled: spans != nil, durations: instruments.duration},
		requestExport: func() {},
		instruments:   instruments, gauges: newGauges(registry), state: newStateGauges(registry),
	}
	r.KeepHealthy(1)
	return r
}

// KeepHealthy sets the share of healthy runs whose trace is kept, from 0 to 1.
func (r *Recorder) KeepHealthy(share setting.Share) { r.keeper.setShare(share) }

// Finished records the metrics of a run and, if its trace is kept, all its spans. A run that was stopped by our own shutdown has no
// class and is not recorded.
func (r *Recorder) Finished(result *probe.Result) {
	for i := range result.Renewals {
		r.recordRenewal(&result.Renewals[i])
	}
	if result.Class == probe.ClassNone {
		return
	}
	ctx := context.Background()
	if r.keeper.keeps(result) {
		ctx = r.spans.run(result)
		if !result.Expected {
			r.requestExport()
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.scope.hasProbe(result.Probe) {
		r.instruments.recordRun(ctx, result, r.scope)
		r.gauges.setProbe(result)
	}
}

func (r *Recorder) recordRenewal(renewal *probe.Renewal) {
	if r.keeper.enabled {
		r.spans.renewal(renewal)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.scope.hasCredential(renewal.Credential) {
		r.instruments.renewals.Add(context.Background(), renewalKey{credential: renewal.Credential, outcome: renewal.Outcome}, 1)
		r.gauges.setToken(renewal)
	}
}

// Missed counts runs that were not started.
func (r *Recorder) Missed(m probe.Miss) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.scope.hasProbe(m.Probe) {
		r.instruments.missed.Add(context.Background(), missKey{probe: m.Probe, reason: m.Reason}, m.Count)
	}
}

// Delivered counts an attempt to deliver a message. A nil error means that the message was delivered.
func (r *Recorder) Delivered(notifier string, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.scope.hasNotifier(notifier) {
		r.instruments.recordDelivery(notifier, err)
	}
}

// Reloaded counts a reload of the configuration. A nil error means that the reload succeeded.
func (r *Recorder) Reloaded(err error) {
	outcome := outcomeSuccess
	if err != nil {
		outcome = outcomeFailure
	}
	r.instruments.reloads.Add(context.Background(), outcome, 1)
}

// Transition writes the span of an alert that changed its state, and returns a context of its trace. A reminder changes no state and gets
// no span.
func (r *Recorder) Transition(t alert.Transition) context.Context {
	if t.Event == alert.EventUpdate || !r.keeper.enabled {
		return context.Background()
	}
	return r.spans.transition(&t)
}

// SetGaugeSources sets the functions that return the values of the gauges of rules and of pending messages. They are called at each
// export, possibly by several goroutines at the same time.
func (r *Recorder) SetGaugeSources(alerts func() []alert.Status, backlog func() []outbox.Backlog) {
	r.gauges.setSources(alerts, backlog)
}

// SetHealthSource sets the function that returns which parts of the daemon work. It is called at each export, and must not wait for a part.
func (r *Recorder) SetHealthSource(health func() Health) { r.gauges.setHealth(health) }

// SetScope deletes the series of everything that the scope does not name, and ignores later results about it. It starts counters of rare
// events at zero, so that Prometheus sees the first event as an increase.
func (r *Recorder) SetScope(s Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scope = newScopeIndex(&s)
	r.gauges.retain(r.scope)
	r.instruments.retain(r.scope)
	r.instruments.startAtZero(s.Notifiers, s.Renewable)
}
