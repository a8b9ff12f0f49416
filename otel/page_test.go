package otel_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"squarewatch/otel"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const manySeries = 1201 // more than two parts, and no multiple of a part

func feedMany(r *otel.Recorder) {
	for i := range manySeries {
		r.Finished(run(fmt.Sprintf("p%d", i), byte(i)))
	}
}

// TestPageOfManySeries reads a page that is written in several parts as Prometheus does: a second heading is an error to it.
func TestPageOfManySeries(t *testing.T) {
	all := telemetry(t)
	feedMany(all.Recorder())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, all.Metrics(), "text/plain")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"squarewatch_probe_runs_total": manySeries, "squarewatch_probe_up": manySeries, "squarewatch_probe_certificate_expiry_seconds": manySeries,
		"squarewatch_probe_duration_seconds": manySeries, "squarewatch_probe_phase_duration_seconds": 6 * manySeries,
		"squarewatch_schedule_lateness_seconds": 1,
	} {
		if got := len(families[name].GetMetric()); want != got {
			t.Errorf("%s: want %d series, got %d", name, want, got)
		}
	}
	for _, m := range families["squarewatch_probe_runs_total"].GetMetric() {
		if m.GetCounter().GetValue() != 1 {
			t.Fatalf("want each probe counted once, got %v", m)
		}
	}
}

// TestPageKeepsItsOrder lets a person find a series where it was, and compare two pages.
func TestPageKeepsItsOrder(t *testing.T) {
	all := telemetry(t)
	feedMany(all.Recorder())
	all.Recorder().Cover(otel.Scope{Probes: namesOfMany(100)})
	all.Recorder().Finished(run("p7", 1))
	for _, metric := range []string{"squarewatch_probe_runs_total{", "squarewatch_probe_duration_seconds_count{"} {
		var got []string
		for line := range strings.Lines(scrape(t, all.Metrics(), "text/plain")) {
			if strings.HasPrefix(line, metric) {
				_, rest, _ := strings.Cut(line, `probe="`)
				name, _, _ := strings.Cut(rest, `"`)
				got = append(got, name)
			}
		}
		if want := namesOfMany(100); !slices.Equal(want, got) {
			t.Errorf("%s: want the order in which they came, %v, got %v", metric, want, got)
		}
	}
}

func namesOfMany(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	return names
}

// TestPageKeepsFamiliesTogether is what OpenMetrics demands: a heading once, its samples after it, and the end at the end.
func TestPageKeepsFamiliesTogether(t *testing.T) {
	all := telemetry(t)
	feedMany(all.Recorder())
	page := scrape(t, all.Metrics(), "application/openmetrics-text;version=1.0.0")
	if !strings.HasSuffix(page, "\n# EOF\n") || strings.Count(page, "# EOF") != 1 {
		t.Errorf("want one end at the end, got %q", page[max(0, len(page)-80):])
	}
	seen := map[string]bool{}
	current := ""
	for line := range strings.Lines(page) {
		switch fields := strings.Fields(line); {
		case strings.HasPrefix(line, "# TYPE "):
			current = fields[2]
			if seen[current] {
				t.Fatalf("want one heading of %s, got another", current)
			}
			seen[current] = true
		case !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, current):
			t.Fatalf("want samples of %s, got %s", current, line)
		}
	}
}

func TestPageOfManySeriesAsProtobuf(t *testing.T) {
	all := telemetry(t)
	feedMany(all.Recorder())
	page := scrape(t, all.Metrics(), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	families := expfmt.NewDecoder(strings.NewReader(page), expfmt.NewFormat(expfmt.TypeProtoDelim))
	got := 0
	for {
		var f dto.MetricFamily
		if err := families.Decode(&f); err == io.EOF { //nolint:errorlint // the decoder returns it bare
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if f.GetName() == "squarewatch_probe_phase_duration_seconds" {
			got += len(f.GetMetric())
		}
	}
	if want := 6 * manySeries; want != got {
		t.Errorf("want %d series of phases, got %d", want, got)
	}
}

// deafWriter is a reader of the page that has gone away.
type deafWriter struct{ http.ResponseWriter }

func (deafWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPageThatIsNotWholeIsBrokenOff(t *testing.T) {
	all := telemetry(t)
	feedMany(all.Recorder())
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			t.Errorf("want the connection broken off, got %v", got)
		}
	}()
	all.Metrics().ServeHTTP(deafWriter{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
}

// BenchmarkScrape measures a page of 1,201 probes.
func BenchmarkScrape(b *testing.B) {
	all, err := otel.New(b.Context(), otel.Options{Settings: otel.DefaultSettings()})
	if err != nil {
		b.Fatal(err)
	}
	feedMany(all.Recorder())
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
		all.Metrics().ServeHTTP(discard{http.Header{}}, request)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header          { return d.header }
func (discard) Write(part []byte) (int, error) { return len(part), nil }
func (discard) WriteHeader(int)                {}
