package otel

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"squarewatch/alert/outbox"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// measures are the instruments that are written when something happens; what is read at a moment is in gauges.go.
type measures struct {
	request  *histogram[requestKey]
	duration *histogram[durationKey]
	phase    *histogram[phaseKey]
	lateness *histogram[struct{}]

	runs     *counter[runKey]
	missed   *counter[missKey]
	renewals *counter[renewalKey]
	sent     *counter[deliveryKey]
	failed   *counter[deliveryKey]
	reloads  *counter[string] // outcome
}

// The names that other files of the package need.
const (
	namePhaseDuration = "squarewatch.probe.phase.duration"
	unitSeconds       = "s"
)

func addMeasures(all *registry) *measures {
	request := httpconv.ClientRequestDuration{}
	m := &measures{
		request: addHistogram(all, about{request.Name(), request.Unit(), request.Description(), requestBuckets()}, requestAttributes),
		duration: addHistogram(all, about{"squarewatch.probe.duration", unitSeconds, "Duration of the first answer of a run, with the redirects that led to it.", requestBuckets()},
			durationAttributes),
		phase: addHistogram(all, about{namePhaseDuration, unitSeconds, "Duration of a phase of an attempt.", fineBuckets()}, phaseAttributes),
		lateness: addHistogram(all, about{"squarewatch.schedule.lateness", unitSeconds, "Time from when a run was due to when it was started.", fineBuckets()},
			func(struct{}) []attribute.KeyValue { return nil }),

		runs:     addCounter(all, about{name: "squarewatch.probe.runs", unit: "{run}", description: "Finished runs."}, runAttributesOf),
		missed:   addCounter(all, about{name: "squarewatch.schedule.missed", unit: "{run}", description: "Scheduled runs that were not started, by reason: overrun, limit, gap, shutdown or panic."}, missAttributes),
		renewals: addCounter(all, about{name: "squarewatch.credential.renewals", unit: "{renewal}", description: "Tries to get a credential anew, by outcome: refreshed, logged_in, refused or unavailable."}, renewalAttributes),
		sent:     addCounter(all, about{name: "squarewatch.notify.sent", unit: "{message}", description: "Messages that a notifier delivered."}, deliveryAttributes),
		failed:   addCounter(all, about{name: "squarewatch.notify.failed", unit: "{message}", description: "Attempts to deliver a message that failed."}, deliveryAttributes),
		reloads: addCounter(all, about{name: "squarewatch.config.reloads", unit: "{reload}", description: "Reloads of the configuration, by outcome: success or failure."},
			func(outcome string) []attribute.KeyValue { return []attribute.KeyValue{labelOutcome.String(outcome)} }),
	}
	for _, outcome := range []string{outcomeSuccess, outcomeFailure} {
		m.reloads.series.get(outcome) // at zero from the start, so that the first is an increase to Prometheus
	}
	return m
}

// requestBuckets returns the bounds, in seconds, that the semantic conventions advise for HTTP requests.
func requestBuckets() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// fineBuckets returns bounds, in seconds, for what often takes less than a millisecond.
func fineBuckets() []float64 {
	return []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
}

type runKey struct {
	probe    string
	class    probe.Class
	code     int
	expected bool
}

type durationKey struct {
	probe string
	class probe.Class
}

type phaseKey struct {
	probe string
	phase probe.PhaseKind
}

type missKey struct {
	probe  string
	reason probe.MissReason
}

type renewalKey struct {
	credential string
	outcome    probe.RenewalOutcome
}

type deliveryKey struct {
	notifier string
	reason   string // of a failure
}

type requestKey struct {
	method   string
	server   server
	code     int
	kind     string // error.type
	protocol string
}

// run counts and measures a finished run. ctx stands in its trace, which exemplars then name.
func (m *measures) run(ctx context.Context, r *probe.Result, known *known) {
	m.runs.add(ctx, runKey{r.Probe, r.Class, knownCode(r.Code), r.Expected}, 1)
	m.duration.record(ctx, durationKey{r.Probe, r.Class}, r.Latency().Seconds())
	if !r.Intended.IsZero() {
		m.lateness.record(ctx, struct{}{}, r.Lateness().Seconds())
	}
	for i := range r.Attempts {
		m.attempt(ctx, r, i, known)
	}
}

func (m *measures) attempt(ctx context.Context, r *probe.Result, i int, known *known) {
	a := &r.Attempts[i]
	key := requestKey{a.Method, serverOf(a.URL), knownCode(a.Code), errorType(r, i), knownProtocol(a.Protocol)}
	if known.server(key.server) {
		m.request.record(ctx, key, a.End.Sub(a.Start).Seconds())
	}
	for _, p := range a.Phases {
		m.phase.record(ctx, phaseKey{r.Probe, p.Kind}, p.End.Sub(p.Start).Seconds())
	}
}

// expect begins the series of notifiers, and of credentials that are renewed, at zero.
func (m *measures) expect(notifiers, renewed []string) {
	for _, name := range notifiers {
		m.sent.begin(deliveryKey{notifier: name})
		for _, reason := range deliveryReasons() {
			m.failed.begin(deliveryKey{name, reason})
		}
	}
	for _, name := range renewed {
		for _, outcome := range renewalOutcomes() {
			m.renewals.begin(renewalKey{name, outcome})
		}
	}
}

func renewalOutcomes() []probe.RenewalOutcome {
	return []probe.RenewalOutcome{probe.Refreshed, probe.LoggedIn, probe.RenewalRefused, probe.RenewalUnavailable}
}

// retain forgets the series of what is not known any more.
func (m *measures) retain(known *known) {
	m.request.series.forget(func(k requestKey) bool { return !known.server(k.server) })
	m.renewals.series.forget(func(k renewalKey) bool { return !known.credential(k.credential) })
	m.sent.series.forget(func(k deliveryKey) bool { return !known.notifier(k.notifier) })
	m.failed.series.forget(func(k deliveryKey) bool { return !known.notifier(k.notifier) })
	m.runs.series.forget(func(k runKey) bool { return !known.probe(k.probe) })
	m.missed.series.forget(func(k missKey) bool { return !known.probe(k.probe) })
	m.duration.series.forget(func(k durationKey) bool { return !known.probe(k.probe) })
	m.phase.series.forget(func(k phaseKey) bool { return !known.probe(k.probe) })
}

// knownCode returns 0 for what is no status code: an answer must not be able to make series as it likes.
func knownCode(code int) int {
	if code < 100 || code > 599 {
		return 0
	}
	return code
}

func knownProtocol(version string) string {
	if slices.Contains([]string{"1.0", "1.1", "2", "3"}, version) {
		return version
	}
	return ""
}

func runAttributesOf(k runKey) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		labelProbe.String(k.probe), labelClass.String(k.class.String()), labelExpected.Bool(k.expected),
	}
	if k.code != 0 {
		attributes = append(attributes, labelCode.Int(k.code))
	}
	return attributes
}

func missAttributes(k missKey) []attribute.KeyValue {
	return []attribute.KeyValue{labelProbe.String(k.probe), labelReason.String(string(k.reason))}
}

func renewalAttributes(k renewalKey) []attribute.KeyValue {
	return []attribute.KeyValue{labelCredential.String(k.credential), labelOutcome.String(string(k.outcome))}
}

func deliveryAttributes(k deliveryKey) []attribute.KeyValue {
	attributes := []attribute.KeyValue{labelNotifier.String(k.notifier)}
	if k.reason != "" {
		attributes = append(attributes, labelReason.String(k.reason))
	}
	return attributes
}

func durationAttributes(k durationKey) []attribute.KeyValue {
	return []attribute.KeyValue{labelProbe.String(k.probe), labelClass.String(k.class.String())}
}

func phaseAttributes(k phaseKey) []attribute.KeyValue {
	return []attribute.KeyValue{labelProbe.String(k.probe), labelPhase.String(string(k.phase))}
}

func requestAttributes(k requestKey) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(k.method),
		semconv.URLScheme(k.server.scheme),
		semconv.ServerAddress(k.server.address),
		semconv.ServerPort(k.server.port),
	}
	if k.code != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(k.code))
	}
	if k.kind != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(k.kind))
	}
	if k.protocol != "" {
		attributes = append(attributes, semconv.NetworkProtocolVersion(k.protocol))
	}
	return attributes
}

// delivered counts an attempt to deliver a message.
func (m *measures) delivered(notifier string, err error) {
	if err == nil {
		m.sent.add(context.Background(), deliveryKey{notifier: notifier}, 1)
		return
	}
	m.failed.add(context.Background(), deliveryKey{notifier, deliveryReason(err)}, 1)
}

// deliveryReasons are the reasons that a notifier may give.
func deliveryReasons() []string {
	return []string{
		outbox.ReasonRateLimited, outbox.ReasonUnavailable, outbox.ReasonNetwork, outbox.ReasonTimeout, outbox.ReasonRefused, outbox.ReasonInvalid,
	}
}

// deliveryReason returns the reason of a failed delivery if it is of the fixed set, so that no notifier can make series as it likes.
func deliveryReason(err error) string {
	if failure, ok := errors.AsType[*outbox.DeliveryError](err); ok && slices.Contains(deliveryReasons(), failure.Reason) {
		return failure.Reason
	}
	return reasonUndefined
}

// errorTypeCode is the error.type of an answer that is an error by its status code.
func errorTypeCode(code int) string {
	if code = knownCode(code); code == 0 {
		return semconv.ErrorTypeOther.Value.AsString()
	}
	return strconv.Itoa(code)
}
