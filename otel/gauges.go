package otel

import (
	"maps"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/otel/metric"
	"squarewatch/probe"
)

// gauges are read whenever metrics are.
type gauges struct {
	up        metric.Descriptor
	expiry    metric.Descriptor
	token     metric.Descriptor
	rate      metric.Descriptor
	threshold metric.Descriptor
	firing    metric.Descriptor
	pending   metric.Descriptor
	oldest    metric.Descriptor

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

// addGauges makes the gauges.
func addGauges(all *metric.Registry) *gauges {
	g := &gauges{
		up:        metric.Descriptor{Name: "squarewatch.probe.up", Description: "1 when the last run was as its probe expects, else 0."},
		expiry:    metric.Descriptor{Name: "squarewatch.probe.certificate.expiry", Unit: unitSeconds, Description: "When the certificate of the last TLS connection ends to be valid (Unix time)."},
		token:     metric.Descriptor{Name: "squarewatch.credential.expiry", Unit: unitSeconds, Description: "When the token of a credential ends (Unix time)."},
		rate:      metric.Descriptor{Name: "squarewatch.alert.rate", Description: "Share of the runs in the window that the rule counts."},
		threshold: metric.Descriptor{Name: "squarewatch.alert.threshold", Description: "Share at which the rule fires."},
		firing:    metric.Descriptor{Name: "squarewatch.alert.firing", Description: "1 while the rule fires, else 0."},
		pending:   metric.Descriptor{Name: "squarewatch.notify.pending", Unit: "{message}", Description: "Messages that wait to be delivered."},
		oldest:    metric.Descriptor{Name: "squarewatch.notify.oldest_age", Unit: unitSeconds, Description: "Age of the oldest message that waits to be delivered."},
		probes:    map[string]standing{},
		tokens:    map[string]time.Time{},
		alerts:    func() []alert.Status { return nil },
		backlog:   func() []alert.Backlog { return nil },
	}
	metric.NewGauges(all, g.abouts(), g.read)
	return g
}

// abouts are all gauges, in the order in which they are shown.
func (g *gauges) abouts() []*metric.Descriptor {
	return []*metric.Descriptor{&g.up, &g.expiry, &g.token, &g.rate, &g.threshold, &g.firing, &g.pending, &g.oldest}
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

// retain forgets the probes and credentials that are not known any more.
func (g *gauges) retain(known *known) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.probes, func(name string, _ standing) bool { return !known.probe(name) })
	maps.DeleteFunc(g.tokens, func(name string, _ time.Time) bool { return !known.credential(name) })
}

func (g *gauges) watch(alerts func() []alert.Status, backlog func() []alert.Backlog) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alerts, g.backlog = alerts, backlog
}

// read shows every value. It reads its sources outside the lock: they take locks of their own.
func (g *gauges) read(see metric.Observe) {
	g.mu.Lock()
	probes, tokens, alerts, backlog := maps.Clone(g.probes), maps.Clone(g.tokens), g.alerts, g.backlog
	g.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(probes)) {
		s := probes[name]
		see(&g.up, number(s.up), labelProbe.String(name))
		if !s.certificate.IsZero() {
			see(&g.expiry, unix(s.certificate), labelProbe.String(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		see(&g.token, unix(tokens[name]), labelCredential.String(name))
	}
	for _, s := range alerts() {
		rule, series := labelRule.String(s.Rule), labelSeries.String(s.Series)
		see(&g.rate, float64(s.Rate), rule, series)
		see(&g.threshold, float64(s.Threshold), rule, series)
		see(&g.firing, number(s.State == alert.Firing), rule, series, labelSeverity.String(string(s.Severity)))
	}
	for _, b := range backlog() {
		see(&g.pending, float64(b.Pending), labelNotifier.String(b.Notifier))
		see(&g.oldest, b.OldestAge.Seconds(), labelNotifier.String(b.Notifier))
	}
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
