package otel_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/golden"
	"squarewatch/otel"
	"squarewatch/probe"
)

// newRecorder returns a recorder, its spans, and a reader of its metrics.
func newRecorder(t *testing.T) (*otel.Recorder, *sentSpans, *sdkmetric.ManualReader) {
	t.Helper()
	spans := &sentSpans{t: t}
	recorder, reader := otel.NewTestRecorder(spans.read)
	return recorder, spans, reader
}

// recordAll records one of everything.
func recordAll(r *otel.Recorder) {
	for _, result := range results() {
		r.Finished(result)
	}
	r.Finished(renewingRun())
	r.Missed(probe.Miss{Probe: "feed", Intended: at(0), Reason: probe.MissOverrun, Count: 1})
	r.Delivered("ops", nil)
	r.Delivered("ops", &outbox.DeliveryError{Reason: "rate_limited", Err: errors.New("429")})
	r.Delivered("ops", fmt.Errorf("wrapped: %w", &outbox.DeliveryError{Reason: "a reason of its own", Err: errors.New("x")}))
	r.Reloaded(nil)
	r.Reloaded(errors.New("no"))
	r.Transition(transition(alert.EventFiring))
	r.Transition(transition(alert.EventUpdate))
	r.SetStateSource(func() otel.StateStatus { return otel.StateStatus{Database: 4096, Written: true} })
	r.SetGaugeSources(func() []alert.Status {
		return []alert.Status{{
			Rule: "server-errors", Series: "feed", Severity: alert.Critical, State: alert.Firing, Rate: 0.5, Threshold: 0.2,
		}}
	}, func() []outbox.Backlog {
		return []outbox.Backlog{{
			Notifier: "ops", Pending: 2, OldestAge: 90 * time.Second, Commands: outbox.CommandState{Wanted: true, Connected: true},
		}}
	})
	r.SetHealthSource(func() otel.Health {
		return otel.Health{Works: map[string]bool{"probing": true, "delivery": false}, ConfigCurrent: true}
	})
}

func TestSpans(t *testing.T) {
	recorder, exporter, _ := newRecorder(t)
	recordAll(recorder)
	spans := exporter.GetSpans()
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int {
		return cmp.Or(strings.Compare(traceKey(a), traceKey(b)), a.StartTime.Compare(b.StartTime), b.EndTime.Compare(a.EndTime),
			int(b.SpanKind)-int(a.SpanKind))
	})
	var text strings.Builder
	for _, s := range spans {
		writeSpan(&text, s)
	}
	golden.Check(t, "testdata/spans.txt", text.String(), *update)
}

// traceKey sorts traces with random identifiers last.
func traceKey(s tracetest.SpanStub) string {
	if strings.HasPrefix(s.Name, "alert ") {
		return "~"
	}
	return s.SpanContext.TraceID().String()
}

func writeSpan(text *strings.Builder, s tracetest.SpanStub) {
	fmt.Fprintf(text, "%s (%s) %d..%d ms\n", s.Name, s.SpanKind, s.StartTime.Sub(at(0)).Milliseconds(), s.EndTime.Sub(at(0)).Milliseconds())
	if !strings.HasPrefix(s.Name, "alert ") {
		fmt.Fprintf(text, "  trace %s parent %s\n", s.SpanContext.TraceID(), s.Parent.SpanID())
	}
	if !strings.HasPrefix(s.Name, "alert ") && !strings.HasPrefix(s.Name, "http.") {
		fmt.Fprintf(text, "  span %s\n", s.SpanContext.SpanID())
	}
	if s.Status.Code != codes.Unset {
		fmt.Fprintf(text, "  status %s %q\n", s.Status.Code, s.Status.Description)
	}
	writeAttributes(text, "  ", s.Attributes)
	for _, e := range s.Events {
		fmt.Fprintf(text, "  event %s at %d ms\n", e.Name, e.Time.Sub(at(0)).Milliseconds())
		writeAttributes(text, "    ", e.Attributes)
	}
	for _, l := range s.Links {
		fmt.Fprintf(text, "  link %s %s\n", l.SpanContext.TraceID(), l.SpanContext.SpanID())
	}
}

func writeAttributes(text *strings.Builder, indent string, attributes []attribute.KeyValue) {
	set := attribute.NewSet(attributes...)
	for _, a := range set.ToSlice() {
		fmt.Fprintf(text, "%s%s=%s\n", indent, a.Key, a.Value.String())
	}
}

func TestSpansLieInsideTheirParents(t *testing.T) {
	recorder, exporter, _ := newRecorder(t)
	recordAll(recorder)
	byID := map[trace.SpanID]tracetest.SpanStub{}
	for _, s := range exporter.GetSpans() {
		byID[s.SpanContext.SpanID()] = s
	}
	for _, s := range byID {
		if !s.Parent.IsValid() {
			continue
		}
		parent, ok := byID[s.Parent.SpanID()]
		if !ok || parent.SpanContext.TraceID() != s.SpanContext.TraceID() {
			t.Errorf("want the parent of %q in its trace, got none", s.Name)
		}
		if s.StartTime.Before(parent.StartTime) || s.EndTime.After(parent.EndTime) {
			t.Errorf("want %q inside %q, got %v..%v outside %v..%v", s.Name, parent.Name, s.StartTime, s.EndTime, parent.StartTime, parent.EndTime)
		}
	}
}

func TestRunStoppedByShutdownIsNotRecorded(t *testing.T) {
	recorder, exporter, reader := newRecorder(t)
	recorder.Finished(&probe.Result{Probe: "feed", Trace: probe.TraceID{1}, Span: probe.SpanID{1}})
	if spans := exporter.GetSpans(); len(spans) != 0 {
		t.Errorf("want no span, got %d", len(spans))
	}
	if got := metricsText(t, reader); strings.Contains(got, "probe") {
		t.Errorf("want no metric of the run, got:\n%s", got)
	}
}

func TestMetrics(t *testing.T) {
	recorder, _, reader := newRecorder(t)
	recordAll(recorder)
	golden.Check(t, "testdata/metrics.txt", metricsText(t, reader), *update)
}

// TestOnlyTheScopeHasSeries sets a smaller scope while a run of the old configuration is still going on.
func TestOnlyTheScopeHasSeries(t *testing.T) {
	recorder, _, reader := newRecorder(t)
	recordAll(recorder)
	recorder.SetScope(otel.Scope{
		Target: "https://api.example.com", Probes: []string{"feed"}, Credentials: []string{"member"}, Notifiers: []string{"pager"},
	})
	recordAll(recorder) // also of everything that is out of scope
	text := metricsText(t, reader)
	for _, gone := range []string{"probe=collections", "probe=moved", "credential=other", "notifier=ops,", "notify.sent notifier=ops"} {
		if strings.Contains(text, gone) {
			t.Errorf("want no series with %s, got:\n%s", gone, text)
		}
	}
	for _, kept := range []string{
		"squarewatch.probe.up probe=feed 0", "squarewatch.probe.runs class=server_error,code=500,expected=false,probe=feed 2",
		"squarewatch.credential.expiry credential=member", "squarewatch.notify.sent notifier=pager 0", "server.address=api.example.com",
	} {
		if !strings.Contains(text, kept) {
			t.Errorf("want %s kept, got:\n%s", kept, text)
		}
	}
	recorder.SetScope(otel.Scope{Target: "https://api.elsewhere.example", Probes: []string{"feed"}})
	recordAll(recorder) // runs that finish after the change of the target
	if text := metricsText(t, reader); strings.Contains(text, "api.example.com") {
		t.Errorf("want no series of the old target, got:\n%s", text)
	}
}

func metricsText(t *testing.T, reader *sdkmetric.ManualReader) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			points := pointsOf(t, m)
			if len(points) == 0 {
				continue
			}
			fmt.Fprintf(&text, "%s %T unit=%q %s\n", m.Name, m.Data, m.Unit, m.Description)
			slices.Sort(points)
			for _, p := range points {
				fmt.Fprintf(&text, "  %s %s\n", m.Name, p)
			}
		}
	}
	return text.String()
}

func pointsOf(t *testing.T, m metricdata.Metrics) (points []string) {
	t.Helper()
	add := func(set attribute.Set, value any) {
		points = append(points, strings.TrimSpace(fmt.Sprintf("%s %v", set.Encoded(attribute.DefaultEncoder()), value)))
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, fmt.Sprintf("count=%d sum=%.3f exemplars=%t", p.Count, p.Sum, len(p.Exemplars) > 0))
		}
	default:
		t.Errorf("%s: want a known kind of data, got %T", m.Name, m.Data)
	}
	return points
}

func TestSpansHaveTheIdentifiersOfTheTraceparent(t *testing.T) {
	recorder, exporter, _ := newRecorder(t)
	traceID, root := recorder.NewRun()
	header := http.Header{}
	span := recorder.NewAttempt(traceID, header)
	if want, got := "00-"+traceID.String()+"-"+span.String()+"-01", header.Get("traceparent"); want != got {
		t.Errorf("want traceparent %q, got %q", want, got)
	}
	result := run("collections", 1)
	result.Trace, result.Span, result.Attempts[0].Span = traceID, root, span
	recorder.Finished(result)
	for _, s := range exporter.GetSpans() {
		if want, got := traceID.String(), s.SpanContext.TraceID().String(); want != got {
			t.Errorf("%s: want trace %s, got %s", s.Name, want, got)
		}
		if s.SpanKind == trace.SpanKindClient && s.SpanContext.SpanID().String() != span.String() {
			t.Errorf("want span %s, got %s", span, s.SpanContext.SpanID())
		}
	}
}

func TestServerOf(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.example.com/x?y=REDACTED": "https api.example.com 443",
		"http://api.example.com":               "http api.example.com 80",
		"http://127.0.0.1:8080/x":              "http 127.0.0.1 8080",
		"https://[2001:db8::1]/x":              "https 2001:db8::1 443",
		"https://[2001:db8::1]:8443?x":         "https 2001:db8::1 8443",
		"https://me:secret@host/x":             "https host 443",
	} {
		scheme, address, port := otel.ServerOf(raw)
		if got := fmt.Sprint(scheme, " ", address, " ", port); want != got {
			t.Errorf("%s: want %q, got %q", raw, want, got)
		}
	}
}

// telemetry returns a Telemetry that sends nothing.
func telemetry(t *testing.T) *otel.Telemetry {
	t.Helper()
	all, err := otel.New(t.Context(), otel.Options{Settings: otel.DefaultSettings(), ServiceVersion: "1.0.0", InstanceID: "127.0.0.1:9477"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := all.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return all
}

func scrape(tb testing.TB, handler http.Handler, accept string) string {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	if response.Code != http.StatusOK {
		tb.Fatalf("want 200, got %d: %s", response.Code, response.Body)
	}
	return response.Body.String()
}

// sorted sorts the lines of a page: series have no fixed order on the page.
func sorted(page string) string {
	lines := slices.Collect(strings.Lines(page))
	slices.SortFunc(lines, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "# "), strings.TrimPrefix(b, "# "))
	})
	return strings.Join(lines, "")
}

// TestPage compares our metrics with a golden file, and checks that the metrics of the Go runtime and the process are on the page.
func TestPage(t *testing.T) {
	all := telemetry(t)
	recordAll(all.Recorder())
	var kept strings.Builder
	page := scrape(t, all.Metrics(), "text/plain")
	for line := range strings.Lines(page) {
		if strings.Contains(line, "squarewatch_") || strings.Contains(line, "http_client_") {
			kept.WriteString(line)
		}
	}
	golden.Check(t, "testdata/exposition.txt", sorted(kept.String()), *update)
	for _, want := range []string{
		`service_name="squarewatch"`, `service_version="1.0.0"`, `service_instance_id="127.0.0.1:9477"`,
		"host_name=", "process_pid=", "process_runtime_version=", "telemetry_sdk_name=",
		"go_memory_used_bytes{", "go_goroutine_count ", "go_build_info{", "process_resident_memory_bytes ", "process_cpu_seconds_total ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %s on the page", want)
		}
	}
}

func TestThrottleRepeatsAMessageOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &logBuffer{}
		logger := logs.throttled()
		logger.Info("down", "error", "refused")
		logger.Info("down", "error", "refused")
		logger.With("a", 1).Info("down", "error", "timeout")
		time.AfterFunc(61*time.Second, func() { logger.Info("down", "error", "refused") })
		<-time.After(62 * time.Second)
		if want, got := 3, strings.Count(logs.String(), "down"); want != got {
			t.Errorf("want %d lines, got %d:\n%s", want, got, logs)
		}
	})
}
