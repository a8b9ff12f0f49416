package otel

import (
	"context"
	"net"
	"net/url"
	"strconv"

	"squarewatch/alert"
	"squarewatch/otel/metric"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// spanWriter writes the spans of runs, renewals and alerts after they have ended.
type spanWriter struct {
	tracer    trace.Tracer
	userAgent string // of the probes' requests; empty to leave it out
}

// run writes the spans of a run. It returns a context of its trace, for exemplars.
func (w *spanWriter) run(r *probe.Result) context.Context {
	ctx, next := withNextIDs(context.Background(), r.Trace)
	next.span = trace.SpanID(r.Span)
	ctx, root := w.tracer.Start(ctx, "probe "+r.Probe, trace.WithTimestamp(r.Start), trace.WithAttributes(runAttributes(r)...))
	for i := range r.Attempts {
		next.span = trace.SpanID(r.Attempts[i].Span)
		w.attempt(ctx, r, i)
	}
	for i := range r.Looks {
		next.span = trace.SpanID(r.Looks[i].Span)
		w.look(ctx, &r.Looks[i])
	}
	if r.Excerpt != "" {
		root.AddEvent(eventExcerpt, trace.WithTimestamp(r.End), trace.WithAttributes(keyExcerpt.String(metric.ValidUTF8(r.Excerpt))))
	}
	if !r.Expected {
		root.SetStatus(codes.Error, metric.ValidUTF8(r.Reason))
	}
	root.End(trace.WithTimestamp(r.End))
	return ctx
}

func runAttributes(r *probe.Result) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 5)
	attributes = append(attributes,
		keyProbeName.String(r.Probe),
		keyProbeClass.String(r.Class.String()),
		keyProbeExpected.Bool(r.Expected))
	if !r.Intended.IsZero() {
		attributes = append(attributes, keyRunLateness.Float64(r.Lateness().Seconds()))
	}
	if r.Credential != "" {
		attributes = append(attributes, keyCredential.String(r.Credential))
	}
	if r.Blame != probe.BlameNone {
		attributes = append(attributes, keyBlame.String(string(r.Blame)))
	}
	if len(r.Evidence) > 0 {
		texts := make([]string, 0, len(r.Evidence))
		for _, e := range r.Evidence {
			texts = append(texts, metric.ValidUTF8(e.Text))
		}
		attributes = append(attributes, keyEvidence.StringSlice(texts))
	}
	if r.Advice != "" {
		attributes = append(attributes, keyAdvice.String(metric.ValidUTF8(r.Advice)))
	}
	return attributes
}

// look writes the span of a look. The span has no error status, because the result of a look is not an error of squarewatch.
func (w *spanWriter) look(ctx context.Context, l *probe.Look) {
	kind := trace.SpanKindInternal
	if l.Span.IsValid() {
		kind = trace.SpanKindClient
	}
	_, span := w.tracer.Start(ctx, "squarewatch.look", trace.WithTimestamp(l.Start), trace.WithSpanKind(kind), trace.WithAttributes(
		keyLookKind.String(string(l.Kind)), keyLookPassed.Bool(l.Passed), keyLookText.String(metric.ValidUTF8(l.Text))))
	span.End(trace.WithTimestamp(l.End))
}

// renewal writes the span of a renewal below the run that asked for it. Another run may be the one that reports it.
func (w *spanWriter) renewal(r *probe.Renewal) {
	ctx, next := withNextIDs(context.Background(), r.Trace)
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(r.Trace), SpanID: trace.SpanID(r.Parent), TraceFlags: trace.FlagsSampled,
	}))
	next.span = trace.SpanID(r.Span)
	_, span := w.tracer.Start(ctx, "credential renew "+r.Credential, trace.WithTimestamp(r.Start), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(keyCredential.String(r.Credential), keyOutcome.String(string(r.Outcome))))
	if r.Error != "" {
		span.SetStatus(codes.Error, metric.ValidUTF8(r.Error))
	}
	span.End(trace.WithTimestamp(r.End))
}

// attempt writes the spans of attempt number i and of its phases.
func (w *spanWriter) attempt(ctx context.Context, r *probe.Result, i int) {
	a := &r.Attempts[i]
	ctx, span := w.tracer.Start(ctx, a.Method+" "+metric.ValidUTF8(a.Template), trace.WithTimestamp(a.Start),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(w.attemptAttributes(a, i)...))
	if kind := errorType(r, i); kind != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		span.SetStatus(codes.Error, metric.ValidUTF8(a.Error))
	}
	for _, p := range a.Phases {
		_, phase := w.tracer.Start(ctx, "http."+string(p.Kind), trace.WithTimestamp(p.Start))
		phase.End(trace.WithTimestamp(p.End))
	}
	span.End(trace.WithTimestamp(a.End))
}

func (w *spanWriter) attemptAttributes(a *probe.Attempt, i int) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 14)
	attributes = append(attributes,
		semconv.HTTPRequestMethodKey.String(a.Method),
		semconv.URLFull(metric.ValidUTF8(a.URL)),
		semconv.URLScheme(a.Scheme),
		semconv.ServerAddress(metric.ValidUTF8(a.Host)),
		semconv.ServerPort(a.Port),
		semconv.UserAgentSyntheticTypeTest)
	if a.Code != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(a.Code))
	}
	if a.Protocol != "" {
		attributes = append(attributes, semconv.NetworkProtocolVersion(metric.ValidUTF8(a.Protocol)))
	}
	if host, port, err := net.SplitHostPort(a.Peer); a.Peer != "" && err == nil {
		number, _ := strconv.Atoi(port)
		attributes = append(attributes, semconv.NetworkPeerAddress(host), semconv.NetworkPeerPort(number))
	}
	if a.Cause == probe.CauseResend || a.Cause == probe.CauseRedirect || a.Cause == probe.CauseRetry {
		attributes = append(attributes, semconv.HTTPRequestResendCount(i))
	}
	if w.userAgent != "" {
		attributes = append(attributes, semconv.UserAgentOriginal(w.userAgent))
	}
	return attributes
}

// errorType returns the error.type of attempt number i, or an empty text if it is not an error. A 4xx or 5xx answer is an error of a client
// span, unless the instrumentation knows that it is not (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status). The last
// answer of an expected run is not an error.
func errorType(r *probe.Result, i int) string {
	a := &r.Attempts[i]
	switch {
	case r.Expected && i == len(r.Attempts)-1:
		return ""
	case a.Error != "" || a.Code == 0:
		if a.ErrorKind != "" {
			return a.ErrorKind
		}
		return a.Class.String()
	case a.Code >= 400:
		return errorTypeCode(a.Code)
	}
	return ""
}

// server is the server of a request.
type server struct {
	scheme  string
	address string
	port    int
}

// serverOf returns the server of an absolute URL, as [probe.Attempt] has it: with the default port where the URL has none.
func serverOf(raw string) server {
	u, err := url.Parse(raw)
	if err != nil {
		return server{}
	}
	s := server{scheme: u.Scheme, address: u.Hostname(), port: 80}
	if u.Scheme == "https" {
		s.port = 443
	}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		s.port = port
	}
	return s
}

// transition writes the span of an alert that changed its state, with links to the runs that caused it. It returns a context of its trace.
func (w *spanWriter) transition(t *alert.Transition) context.Context {
	incident := &t.Incident
	links := make([]trace.Link, 0, len(incident.Examples))
	for _, e := range incident.Examples {
		links = append(links, trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID(e.Trace), SpanID: trace.SpanID(e.Span), TraceFlags: trace.FlagsSampled,
		})})
	}
	ctx, span := w.tracer.Start(context.Background(), "alert "+incident.Rule+" "+string(t.Event),
		trace.WithTimestamp(t.At), trace.WithLinks(links...), trace.WithAttributes(
			keyAlertRule.String(incident.Rule),
			keyAlertSeries.String(incident.Series),
			keyAlertSeverity.String(string(incident.Severity)),
			keyAlertRate.Float64(float64(incident.Rate)),
			keyAlertThreshold.Float64(float64(incident.Threshold)),
			keyIncident.String(incident.ID)))
	if incident.Blame != probe.BlameNone {
		span.SetAttributes(keyAlertBlame.String(string(incident.Blame)))
	}
	span.End(trace.WithTimestamp(t.At))
	return ctx
}
