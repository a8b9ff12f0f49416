package otel

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"squarewatch/alert/outbox"
	"squarewatch/otel/metric"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// instruments are the metrics that are recorded when something happens. Values that are read at each export are in gauges.go.
type instruments struct {
	request  *metric.Histogram[requestKey]
	duration *metric.Histogram[durationKey]
	phase    *metric.Histogram[phaseKey]
	lateness *metric.Histogram[struct{}]

	runs     *metric.Counter[runKey]
	missed   *metric.Counter[missKey]
	renewals *metric.Counter[renewalKey]
	sent     *metric.Counter[deliveryKey]
	failed   *metric.Counter[deliveryKey]
	reloads  *metric.Counter[string] // by outcome
}

const unitSeconds = "s"

// newInstruments adds the metrics to a registry. Without classic buckets, the text page has only a few buckets of each probe's
// durations, and none of their phases.
func newInstruments(registry *metric.Registry, classic bool) *instruments {
	request := httpconv.ClientRequestDuration{}
	ofRuns, ofPhases := fewBounds(), []float64(nil)
	if classic {
		ofRuns, ofPhases = requestBounds(), shortBounds()
	}
	i := &instruments{
		request: metric.NewHistogram(registry, metric.Descriptor{
			Name: request.Name(), Unit: request.Unit(), Description: request.Description(), Bounds: requestBounds(),
		}, requestAttributes),
		duration: metric.NewHistogram(registry, metric.Descriptor{
			Name: "squarewatch.probe.duration", Unit: unitSeconds, Bounds: ofRuns,
			Description: "Time until the first answer of a run, including the redirects that led to it.",
		}, durationAttributes),
		phase: metric.NewHistogram(registry, metric.Descriptor{
			Name: "squarewatch.probe.phase.duration", Unit: unitSeconds, Bounds: ofPhases, Description: "Duration of a phase of an attempt.",
		}, phaseAttributes),
		lateness: metric.NewHistogram(registry, metric.Descriptor{
			Name: "squarewatch.schedule.lateness", Unit: unitSeconds, Bounds: shortBounds(),
			Description: "Time from when a run was due until it started.",
		}, func(struct{}) []attribute.KeyValue { return nil }),

		runs: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.probe.runs", Unit: "{run}", Description: "Finished runs.",
		}, runCounterAttributes),
		missed: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.schedule.missed", Unit: "{run}",
			Description: "Missed scheduled runs, by reason: overrun, limit, gap, shutdown or panic.",
		}, missAttributes),
		renewals: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.credential.renewals", Unit: "{renewal}",
			Description: "Attempts to renew a credential, by outcome: refreshed, logged_in, refused or unavailable.",
		}, renewalAttributes),
		sent: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.notify.sent", Unit: "{message}", Description: "Messages that a notifier delivered.",
		}, deliveryAttributes),
		failed: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.notify.failed", Unit: "{message}", Description: "Failed attempts to deliver a message.",
		}, deliveryAttributes),
		reloads: metric.NewCounter(registry, metric.Descriptor{
			Name: "squarewatch.config.reloads", Unit: "{reload}", Description: "Reloads of the configuration, by outcome: success or failure.",
		}, func(outcome string) []attribute.KeyValue { return []attribute.KeyValue{labelOutcome.String(outcome)} }),
	}
	for _, outcome := range []string{outcomeSuccess, outcomeFailure} {
		i.reloads.StartAtZero(outcome)
	}
	return i
}

// requestBounds returns the bucket bounds, in seconds, that the semantic conventions recommend for HTTP requests
// (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpclientrequestduration).
func requestBounds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// fewBounds returns the bucket bounds, in seconds, of the durations of each probe: all that a probe has on /metrics takes about 2 kB.
func fewBounds() []float64 { return []float64{0.05, 0.1, 0.25, 0.5, 1, 5} }

// shortBounds returns bucket bounds, in seconds, for durations that are often below a millisecond.
func shortBounds() []float64 {
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
	reason   string // empty for a delivered message
}

type requestKey struct {
	method    string
	server    server
	code      int
	errorType string
	protocol  string
}

// recordRun records a finished run. The trace of ctx becomes the exemplar.
func (i *instruments) recordRun(ctx context.Context, r *probe.Result, scope *scopeIndex) {
	i.runs.Add(ctx, runKey{probe: r.Probe, class: r.Class, code: validCode(r.Code), expected: r.Expected}, 1)
	i.duration.Record(ctx, durationKey{probe: r.Probe, class: r.Class}, r.Latency().Seconds())
	if !r.Intended.IsZero() {
		i.lateness.Record(ctx, struct{}{}, r.Lateness().Seconds())
	}
	for n := range r.Attempts {
		i.recordAttempt(ctx, r, n, scope)
	}
}

// recordAttempt records attempt number n of a run.
func (i *instruments) recordAttempt(ctx context.Context, r *probe.Result, n int, scope *scopeIndex) {
	a := &r.Attempts[n]
	key := requestKey{
		method: a.Method, server: server{scheme: a.Scheme, address: a.Host, port: a.Port},
		code: validCode(a.Code), errorType: errorType(r, n), protocol: validProtocol(a.Protocol),
	}
	if scope.hasServer(key.server) {
		i.request.Record(ctx, key, a.End.Sub(a.Start).Seconds())
	}
	for _, p := range a.Phases {
		i.phase.Record(ctx, phaseKey{probe: r.Probe, phase: p.Kind}, p.End.Sub(p.Start).Seconds())
	}
}

// recordDelivery counts an attempt to deliver a message.
func (i *instruments) recordDelivery(notifier string, err error) {
	if err == nil {
		i.sent.Add(context.Background(), deliveryKey{notifier: notifier}, 1)
		return
	}
	i.failed.Add(context.Background(), deliveryKey{notifier: notifier, reason: deliveryReason(err)}, 1)
}

// startAtZero creates the series of notifiers and of renewable credentials with a total of zero.
func (i *instruments) startAtZero(notifiers, renewed []string) {
	for _, name := range notifiers {
		i.sent.StartAtZero(deliveryKey{notifier: name})
		for _, reason := range deliveryReasons() {
			i.failed.StartAtZero(deliveryKey{notifier: name, reason: reason})
		}
	}
	for _, name := range renewed {
		for _, outcome := range renewalOutcomes() {
			i.renewals.StartAtZero(renewalKey{credential: name, outcome: outcome})
		}
	}
}

func renewalOutcomes() []probe.RenewalOutcome {
	return []probe.RenewalOutcome{probe.Refreshed, probe.LoggedIn, probe.RenewalRefused, probe.RenewalUnavailable}
}

// retain deletes the series of everything that is not in the scope.
func (i *instruments) retain(scope *scopeIndex) {
	i.request.DeleteFunc(func(k requestKey) bool { return !scope.hasServer(k.server) })
	i.renewals.DeleteFunc(func(k renewalKey) bool { return !scope.hasCredential(k.credential) })
	i.sent.DeleteFunc(func(k deliveryKey) bool { return !scope.hasNotifier(k.notifier) })
	i.failed.DeleteFunc(func(k deliveryKey) bool { return !scope.hasNotifier(k.notifier) })
	i.runs.DeleteFunc(func(k runKey) bool { return !scope.hasProbe(k.probe) })
	i.missed.DeleteFunc(func(k missKey) bool { return !scope.hasProbe(k.probe) })
	i.duration.DeleteFunc(func(k durationKey) bool { return !scope.hasProbe(k.probe) })
	i.phase.DeleteFunc(func(k phaseKey) bool { return !scope.hasProbe(k.probe) })
}

// validCode returns 0 for a number that is not a status code. Otherwise an API could create any number of series.
func validCode(code int) int {
	if code < 100 || code > 599 {
		return 0
	}
	return code
}

// validProtocol returns an empty text for an unknown HTTP version, for the same reason.
func validProtocol(version string) string {
	if slices.Contains([]string{"1.0", "1.1", "2", "3"}, version) {
		return version
	}
	return ""
}

func runCounterAttributes(k runKey) []attribute.KeyValue {
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
	if k.errorType != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(k.errorType))
	}
	if k.protocol != "" {
		attributes = append(attributes, semconv.NetworkProtocolVersion(k.protocol))
	}
	return attributes
}

// deliveryReasons returns the reasons of failed deliveries.
func deliveryReasons() []string {
	return []string{
		outbox.ReasonRateLimited, outbox.ReasonUnavailable, outbox.ReasonNetwork, outbox.ReasonTimeout, outbox.ReasonRefused,
		outbox.ReasonInvalid,
	}
}

// deliveryReason returns the reason of a failed delivery, or reasonOther if it is not in deliveryReasons. So a notifier cannot create any
// number of series.
func deliveryReason(err error) string {
	if failure, ok := errors.AsType[*outbox.DeliveryError](err); ok && slices.Contains(deliveryReasons(), failure.Reason) {
		return failure.Reason
	}
	return reasonOther
}

// errorTypeCode returns the error.type of an answer whose status code is an error.
func errorTypeCode(code int) string {
	if code = validCode(code); code == 0 {
		return semconv.ErrorTypeOther.Value.AsString()
	}
	return strconv.Itoa(code)
}
