package otel

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"sync"

	"squarewatch/alert"
	"squarewatch/otel/encoded"
	"squarewatch/probe"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// spanWriter writes the spans of runs, renewals and alerts after they have ended.
type spanWriter struct {
	add       func(spans []byte, count int) // copies the spans; it must not keep the slice
	userAgent string                        // of the probes' requests; empty to leave it out
	buffers   sync.Pool                     // of *encoded.Spans
}

// newSpanWriter returns a writer that respects the limits of OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT and so on.
func newSpanWriter(add func(spans []byte, count int), userAgent string) *spanWriter {
	limits := sdktrace.NewSpanLimits()
	return &spanWriter{add: add, userAgent: userAgent, buffers: sync.Pool{New: func() any { return encoded.NewSpans(limits) }}}
}

// write encodes the spans that a function writes, and adds them.
func (w *spanWriter) write(spans func(*encoded.Spans)) {
	buffer := w.buffers.Get().(*encoded.Spans) //nolint:forcetypeassert // there is nothing else in it
	buffer.Reset()
	spans(buffer)
	w.add(buffer.Bytes(), buffer.Count())
	w.buffers.Put(buffer)
}

// within returns a context of a span, for exemplars and log lines.
func within(id trace.TraceID, span trace.SpanID) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled,
	}))
}

// run writes the spans of a run. It returns a context of its root, for exemplars.
func (w *spanWriter) run(r *probe.Result) context.Context {
	w.write(func(s *encoded.Spans) {
		s.Begin(&encoded.Span{
			Trace: trace.TraceID(r.Trace), ID: trace.SpanID(r.Span), Name: "probe " + r.Probe, Start: r.Start, End: r.End,
		})
		setRun(s, r)
		if r.Excerpt != "" {
			s.Event(eventExcerpt, r.End, keyExcerpt.String(r.Excerpt))
		}
		if !r.Expected {
			s.Fail(r.Reason)
		}
		s.Close()
		for i := range r.Attempts {
			w.attempt(s, r, i)
		}
		for i := range r.Looks {
			writeLook(s, r, &r.Looks[i])
		}
	})
	return within(trace.TraceID(r.Trace), trace.SpanID(r.Span))
}

func setRun(s *encoded.Spans, r *probe.Result) {
	s.Set(keyProbeName.String(r.Probe))
	s.Set(keyProbeClass.String(r.Class.String()))
	s.Set(keyProbeExpected.Bool(r.Expected))
	if !r.Intended.IsZero() {
		s.Set(keyRunLateness.Float64(r.Lateness().Seconds()))
	}
	if r.Credential != "" {
		s.Set(keyCredential.String(r.Credential))
	}
	if r.Blame != probe.BlameNone {
		s.Set(keyBlame.String(string(r.Blame)))
	}
	if len(r.Evidence) > 0 {
		texts := make([]string, 0, len(r.Evidence))
		for _, e := range r.Evidence {
			texts = append(texts, e.Text)
		}
		s.Set(keyEvidence.StringSlice(texts))
	}
	if r.Advice != "" {
		s.Set(keyAdvice.String(r.Advice))
	}
}

// writeLook writes the span of a look. The span has no error status, because the result of a look is not an error of squarewatch.
func writeLook(s *encoded.Spans, r *probe.Result, l *probe.Look) {
	span := encoded.Span{
		Trace: trace.TraceID(r.Trace), ID: known(l.Span), Parent: trace.SpanID(r.Span),
		Name: "squarewatch.look", Kind: trace.SpanKindClient, Start: l.Start, End: l.End,
	}
	if !l.Span.IsValid() { // it sent nothing
		span.Kind = trace.SpanKindInternal
	}
	s.Begin(&span)
	s.Set(keyLookKind.String(string(l.Kind)))
	s.Set(keyLookPassed.Bool(l.Passed))
	s.Set(keyLookText.String(l.Text))
	s.Close()
}

// renewal writes the span of a renewal below the run that asked for it. Another run may be the one that reports it.
func (w *spanWriter) renewal(r *probe.Renewal) {
	w.write(func(s *encoded.Spans) {
		s.Begin(&encoded.Span{
			Trace: trace.TraceID(r.Trace), ID: known(r.Span), Parent: trace.SpanID(r.Parent),
			Name: "credential renew " + r.Credential, Kind: trace.SpanKindClient, Start: r.Start, End: r.End,
		})
		s.Set(keyCredential.String(r.Credential))
		s.Set(keyOutcome.String(string(r.Outcome)))
		if r.Error != "" {
			s.Fail(r.Error)
		}
		s.Close()
	})
}

// attempt writes the spans of attempt number i and of its phases.
func (w *spanWriter) attempt(s *encoded.Spans, r *probe.Result, i int) {
	a := &r.Attempts[i]
	span := encoded.Span{
		Trace: trace.TraceID(r.Trace), ID: known(a.Span), Parent: trace.SpanID(r.Span),
		Name: a.Method + " " + a.Template, Kind: trace.SpanKindClient, Start: a.Start, End: a.End,
	}
	s.Begin(&span)
	w.setAttempt(s, a, i)
	if kind := errorType(r, i); kind != "" {
		s.Set(semconv.ErrorTypeKey.String(kind))
		s.Fail(a.Error)
	}
	s.Close()
	for _, p := range a.Phases {
		s.Begin(&encoded.Span{
			Trace: span.Trace, ID: randomSpanID(), Parent: span.ID, Name: "http." + string(p.Kind), Start: p.Start, End: p.End,
		})
		s.Close()
	}
}

func (w *spanWriter) setAttempt(s *encoded.Spans, a *probe.Attempt, i int) {
	s.Set(semconv.HTTPRequestMethodKey.String(a.Method))
	s.Set(semconv.URLFull(a.URL))
	s.Set(semconv.URLScheme(a.Scheme))
	s.Set(semconv.ServerAddress(a.Host))
	s.Set(semconv.ServerPort(a.Port))
	s.Set(semconv.UserAgentSyntheticTypeTest)
	if a.Code != 0 {
		s.Set(semconv.HTTPResponseStatusCode(a.Code))
	}
	if a.Protocol != "" {
		s.Set(semconv.NetworkProtocolVersion(a.Protocol))
	}
	if host, port, err := net.SplitHostPort(a.Peer); a.Peer != "" && err == nil {
		number, _ := strconv.Atoi(port)
		s.Set(semconv.NetworkPeerAddress(host))
		s.Set(semconv.NetworkPeerPort(number))
	}
	if a.Cause == probe.CauseResend || a.Cause == probe.CauseRedirect || a.Cause == probe.CauseRetry {
		s.Set(semconv.HTTPRequestResendCount(i))
	}
	if w.userAgent != "" {
		s.Set(semconv.UserAgentOriginal(w.userAgent))
	}
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
	id, span := randomTraceID(), randomSpanID()
	w.write(func(s *encoded.Spans) {
		s.Begin(&encoded.Span{Trace: id, ID: span, Name: "alert " + incident.Rule + " " + string(t.Event), Start: t.At, End: t.At})
		s.Set(keyAlertRule.String(incident.Rule))
		s.Set(keyAlertSeries.String(incident.Series))
		s.Set(keyAlertSeverity.String(string(incident.Severity)))
		s.Set(keyAlertRate.Float64(float64(incident.Rate)))
		s.Set(keyAlertThreshold.Float64(float64(incident.Threshold)))
		s.Set(keyIncident.String(incident.ID))
		if incident.Blame != probe.BlameNone {
			s.Set(keyAlertBlame.String(string(incident.Blame)))
		}
		for _, e := range incident.Examples {
			s.Link(trace.TraceID(e.Trace), trace.SpanID(e.Span))
		}
		s.Close()
	})
	return within(id, span)
}
