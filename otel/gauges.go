package otel

import (
	"maps"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/attribute"
)

// gauges are read whenever metrics are.
type gauges struct {
	up        about
	expiry    about
	token     about
	rate      about
	threshold about
	firing    about
	pending   about
	oldest    about
	listening about

	mu      sync.Mutex
	probes  map[string]standing
	tokens  map[string]time.Time // credential to when what it holds ends
	alerts  func() []alert.Status
	backlog func() []outbox.Backlog
}

// standing is what the last runs of a probe said.
type standing struct {
	up          bool
	certificate time.Time // when the certificate ends to be valid; zero when none was seen
}

// addGauges makes the gauges.
func addGauges(all *registry) *gauges {
	g := &gauges{
		up:        about{name: "squarewatch.probe.up", description: "1 when the last run was as its probe expects, else 0."},
		expiry:    about{name: "squarewatch.probe.certificate.expiry", unit: unitSeconds, description: "When the certificate of the last TLS connection ends to be valid (Unix time)."},
		token:     about{name: "squarewatch.credential.expiry", unit: unitSeconds, description: "When the token of a credential ends (Unix time)."},
		rate:      about{name: "squarewatch.alert.rate", description: "Share of the runs in the window that the rule counts."},
		threshold: about{name: "squarewatch.alert.threshold", description: "Share at which the rule fires."},
		firing:    about{name: "squarewatch.alert.firing", description: "1 while the rule fires, else 0."},
		pending:   about{name: "squarewatch.notify.pending", unit: "{message}", description: "Messages that wait to be delivered."},
		oldest:    about{name: "squarewatch.notify.oldest_age", unit: unitSeconds, description: "Age of the oldest message that waits to be delivered."},
		listening: about{name: "squarewatch.notify.listening", description: "1 while the buttons and commands of a notifier are heard, else 0."},
		probes:    map[string]standing{},
		tokens:    map[string]time.Time{},
		alerts:    func() []alert.Status { return nil },
		backlog:   func() []outbox.Backlog { return nil },
	}
	all.sources = append(all.sources, g)
	return g
}

// abouts are all gauges, in the order in which they are shown.
func (g *gauges) abouts() []*about {
	return []*about{&g.up, &g.expiry, &g.token, &g.rate, &g.threshold, &g.firing, &g.pending, &g.oldest, &g.listening}
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

func (g *gauges) watch(alerts func() []alert.Status, backlog func() []outbox.Backlog) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alerts, g.backlog = alerts, backlog
}

// read shows every value. It reads its sources outside the lock: they take locks of their own.
func (g *gauges) read(see func(a *about, value float64, attributes ...attribute.KeyValue)) {
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
		if b.Hearing.Wanted {
			see(&g.listening, number(b.Hearing.Connected), labelNotifier.String(b.Notifier))
		}
	}
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
