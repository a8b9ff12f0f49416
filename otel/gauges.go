package otel

import (
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/otel/metric"
	"squarewatch/probe"
)

// gauges holds the values that are read at each export.
type gauges struct {
	up          metric.Descriptor
	certificate metric.Descriptor
	token       metric.Descriptor
	rate        metric.Descriptor
	threshold   metric.Descriptor
	firing      metric.Descriptor
	pending     metric.Descriptor
	oldest      metric.Descriptor
	listening   metric.Descriptor
	healthy     metric.Descriptor
	current     metric.Descriptor

	mu      sync.Mutex
	probes  map[string]probeState // by probe
	tokens  map[string]time.Time  // expiry, by credential
	alerts  func() []alert.Status
	backlog func() []outbox.Backlog
	health  func() Health
}

// Health says which parts of the daemon work, and whether its configuration is that of the file.
type Health struct {
	Works         map[string]bool // by part
	ConfigCurrent bool            // the file was neither changed without a reload nor refused
}

// probeState is what the gauges of one probe show.
type probeState struct {
	up                bool
	certificateExpiry time.Time // zero when no certificate was seen
}

func newGauges(registry *metric.Registry) *gauges {
	g := &gauges{
		up: metric.Descriptor{Name: "squarewatch.probe.up", Description: "1 when the last run was as its probe expects, else 0."},
		certificate: metric.Descriptor{
			Name: "squarewatch.probe.certificate.expiry", Unit: unitSeconds,
			Description: "When the certificate of the last TLS connection expires (Unix time).",
		},
		token: metric.Descriptor{
			Name: "squarewatch.credential.expiry", Unit: unitSeconds, Description: "When the token of a credential expires (Unix time).",
		},
		rate:      metric.Descriptor{Name: "squarewatch.alert.rate", Description: "Share of the runs in the window that the rule counts."},
		threshold: metric.Descriptor{Name: "squarewatch.alert.threshold", Description: "Share at which the rule fires."},
		firing:    metric.Descriptor{Name: "squarewatch.alert.firing", Description: "1 while the rule fires, else 0."},
		pending: metric.Descriptor{
			Name: "squarewatch.notify.pending", Unit: "{message}", Description: "Messages that wait to be delivered.",
		},
		oldest: metric.Descriptor{
			Name: "squarewatch.notify.oldest_age", Unit: unitSeconds, Description: "Age of the oldest message that waits to be delivered.",
		},
		listening: metric.Descriptor{
			Name: "squarewatch.notify.listening", Description: "1 while squarewatch receives the buttons and commands of a notifier, else 0.",
		},
		healthy: metric.Descriptor{Name: "squarewatch.healthy", Description: "1 while the part of squarewatch works, else 0."},
		current: metric.Descriptor{
			Name: "squarewatch.config.current", Description: "1 while the configuration that runs is that of the file, else 0.",
		},
		probes:  map[string]probeState{},
		tokens:  map[string]time.Time{},
		alerts:  func() []alert.Status { return nil },
		backlog: func() []outbox.Backlog { return nil },
	}
	metric.NewGauges(registry, []*metric.Descriptor{
		&g.up, &g.certificate, &g.token, &g.rate, &g.threshold, &g.firing, &g.pending, &g.oldest, &g.listening, &g.healthy, &g.current,
	}, g.read)
	return g
}

// setProbe sets the gauges of a probe from its newest result.
func (g *gauges) setProbe(r *probe.Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := probeState{up: r.Expected, certificateExpiry: g.probes[r.Probe].certificateExpiry}
	for i := range r.Attempts {
		if expiry := r.Attempts[i].CertificateExpiry; !expiry.IsZero() {
			state.certificateExpiry = expiry
		}
	}
	g.probes[r.Probe] = state
}

// setToken sets the expiry of a credential's token. A renewal without an expiry changes nothing.
func (g *gauges) setToken(r *probe.Renewal) {
	if r.Expiry.IsZero() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens[r.Credential] = r.Expiry
}

// retain deletes the probes and credentials that are not in the scope.
func (g *gauges) retain(scope *scopeIndex) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.probes, func(name string, _ probeState) bool { return !scope.hasProbe(name) })
	maps.DeleteFunc(g.tokens, func(name string, _ time.Time) bool { return !scope.hasCredential(name) })
}

func (g *gauges) setSources(alerts func() []alert.Status, backlog func() []outbox.Backlog) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alerts, g.backlog = alerts, backlog
}

func (g *gauges) setHealth(health func() Health) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.health = health
}

// read reports the value of every gauge. It calls the sources without holding mu, because they take locks of their own.
func (g *gauges) read(observe metric.Observe) {
	g.mu.Lock()
	probes, tokens, alerts, backlog, health := maps.Clone(g.probes), maps.Clone(g.tokens), g.alerts, g.backlog, g.health
	g.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(probes)) {
		state := probes[name]
		observe(&g.up, flag(state.up), labelProbe.String(name))
		if !state.certificateExpiry.IsZero() {
			observe(&g.certificate, unixSeconds(state.certificateExpiry), labelProbe.String(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		observe(&g.token, unixSeconds(tokens[name]), labelCredential.String(name))
	}
	for _, s := range alerts() {
		labels := []attribute.KeyValue{labelRule.String(s.Rule), labelSeries.String(s.Series), labelSeverity.String(string(s.Severity))}
		observe(&g.rate, float64(s.Rate), labels[:2:2]...)
		observe(&g.threshold, float64(s.Threshold), labels[:2:2]...)
		observe(&g.firing, flag(s.State == alert.Firing), labels...)
	}
	for _, b := range backlog() {
		observe(&g.pending, float64(b.Pending), labelNotifier.String(b.Notifier))
		observe(&g.oldest, b.OldestAge.Seconds(), labelNotifier.String(b.Notifier))
		if b.Commands.Wanted {
			observe(&g.listening, flag(b.Commands.Connected), labelNotifier.String(b.Notifier))
		}
	}
	if health == nil {
		return
	}
	h := health()
	for _, part := range slices.Sorted(maps.Keys(h.Works)) {
		observe(&g.healthy, flag(h.Works[part]), labelPart.String(part))
	}
	observe(&g.current, flag(h.ConfigCurrent))
}

func unixSeconds(t time.Time) float64 { return float64(t.Unix()) }

// flag returns 1 for true and 0 for false.
func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
