package otel

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/metric"
)

// gauges are read whenever metrics are collected.
type gauges struct {
	up        metric.Int64ObservableGauge
	expiry    metric.Int64ObservableGauge
	rate      metric.Float64ObservableGauge
	threshold metric.Float64ObservableGauge
	firing    metric.Int64ObservableGauge
	pending   metric.Int64ObservableGauge
	oldest    metric.Float64ObservableGauge

	token metric.Int64ObservableGauge

	mu      sync.Mutex
	probes  map[string]standing
	tokens  map[string]time.Time // credential to when what it holds ends
	alerts  func() []alert.Status
	backlog func() []alert.Backlog
}

// standing is what the last runs of a probe said.
type standing struct {
	up          bool
	certificate time.Time // when the certificate ends to be valid; zero when none was seen
}

func newGauges(meter metric.Meter) (*gauges, error) {
	b := builder{meter: meter}
	g := &gauges{
		up:        b.gauge("squarewatch.probe.up", "", "1 when the last run was as its probe expects, else 0."),
		expiry:    b.gauge("squarewatch.probe.certificate.expiry", unitSeconds, "When the certificate of the last TLS connection ends to be valid (Unix time)."),
		rate:      b.floatGauge("squarewatch.alert.rate", "", "Share of the runs in the window that the rule counts."),
		threshold: b.floatGauge("squarewatch.alert.threshold", "", "Share at which the rule fires."),
		firing:    b.gauge("squarewatch.alert.firing", "", "1 while the rule fires, else 0."),
		pending:   b.gauge("squarewatch.notify.pending", "{message}", "Messages that wait to be delivered."),
		oldest:    b.floatGauge("squarewatch.notify.oldest_age", unitSeconds, "Age of the oldest message that waits to be delivered."),
		token:     b.gauge("squarewatch.credential.expiry", unitSeconds, "When the token of a credential ends (Unix time)."),
		probes:    map[string]standing{},
		tokens:    map[string]time.Time{},
		alerts:    func() []alert.Status { return nil },
		backlog:   func() []alert.Backlog { return nil },
	}
	_, err := meter.RegisterCallback(g.observe, g.up, g.expiry, g.rate, g.threshold, g.firing, g.pending, g.oldest, g.token)
	return g, errors.Join(append(b.faults, err)...)
}

func (b *builder) gauge(name, unit, about string) metric.Int64ObservableGauge {
	g, err := b.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
	b.faults = append(b.faults, err)
	return g
}

func (b *builder) floatGauge(name, unit, about string) metric.Float64ObservableGauge {
	g, err := b.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
	b.faults = append(b.faults, err)
	return g
}

// note remembers how a run ended.
func (g *gauges) note(r *probe.Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := standing{up: r.Expected, certificate: g.probes[r.Probe].certificate}
	for i := range r.Attempts {
		if expiry := r.Attempts[i].CertificateExpiry; !expiry.IsZero() {
			now.certificate = expiry
		}
	}
	g.probes[r.Probe] = now
}

// renewed remembers until when a credential is good.
func (g *gauges) renewed(r *probe.Renewal) {
	if r.Expiry.IsZero() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens[r.Credential] = r.Expiry
}

// retain forgets all probes but the named ones.
func (g *gauges) retain(names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.probes, func(name string, _ standing) bool { return !slices.Contains(names, name) })
}

func (g *gauges) watch(alerts func() []alert.Status, backlog func() []alert.Backlog) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alerts, g.backlog = alerts, backlog
}

// observe reads the sources outside the lock: they take locks of their own.
func (g *gauges) observe(_ context.Context, o metric.Observer) error {
	g.mu.Lock()
	probes, tokens, alerts, backlog := maps.Clone(g.probes), maps.Clone(g.tokens), g.alerts, g.backlog
	g.mu.Unlock()
	for name, s := range probes {
		attributes := metric.WithAttributes(labelProbe.String(name))
		o.ObserveInt64(g.up, number(s.up), attributes)
		if !s.certificate.IsZero() {
			o.ObserveInt64(g.expiry, s.certificate.Unix(), attributes)
		}
	}
	for name, expiry := range tokens {
		o.ObserveInt64(g.token, expiry.Unix(), metric.WithAttributes(labelCredential.String(name)))
	}
	for _, s := range alerts() {
		g.observeAlert(o, &s)
	}
	for _, b := range backlog() {
		attributes := metric.WithAttributes(labelNotifier.String(b.Notifier))
		o.ObserveInt64(g.pending, int64(b.Pending), attributes)
		o.ObserveFloat64(g.oldest, b.OldestAge.Seconds(), attributes)
	}
	return nil
}

func (g *gauges) observeAlert(o metric.Observer, s *alert.Status) {
	rule, series := labelRule.String(s.Rule), labelSeries.String(s.Series)
	attributes := metric.WithAttributes(rule, series)
	o.ObserveFloat64(g.rate, float64(s.Rate), attributes)
	o.ObserveFloat64(g.threshold, float64(s.Threshold), attributes)
	o.ObserveInt64(g.firing, number(s.State == alert.Firing), metric.WithAttributes(rule, series, labelSeverity.String(string(s.Severity))))
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
