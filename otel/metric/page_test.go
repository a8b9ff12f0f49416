package metric_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"squarewatch/otel/metric"
)

const manySeries = 1201 // more than two batches of an export, and not a multiple of a batch

// TestPageOfManySeries parses a page of several batches as Prometheus does. The parser refuses a second heading of a family.
func TestPageOfManySeries(t *testing.T) {
	f := newFixture()
	f.runMany(t.Context())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(scrape(t, f.page(t), "text/plain").Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"squarewatch_probe_runs_total": manySeries, "squarewatch_probe_up": manySeries,
		"squarewatch_probe_certificate_expiry_seconds": manySeries,
		"squarewatch_probe_duration_seconds":           manySeries, "squarewatch_probe_phase_duration_seconds": 6 * manySeries,
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

// TestPageKeepsItsOrder deletes most series and records one again. The order of the others must not change, so that two pages can be
// compared.
func TestPageKeepsItsOrder(t *testing.T) {
	f := newFixture()
	f.runMany(t.Context())
	kept := probeNames(100)
	f.runs.DeleteFunc(func(name string) bool { return !slices.Contains(kept, name) })
	f.duration.DeleteFunc(func(name string) bool { return !slices.Contains(kept, name) })
	f.run(t.Context(), "p7")
	for _, prefix := range []string{"squarewatch_probe_runs_total{", "squarewatch_probe_duration_seconds_count{"} {
		var got []string
		for line := range strings.Lines(scrape(t, f.page(t), "text/plain").Body.String()) {
			if strings.HasPrefix(line, prefix) {
				_, rest, _ := strings.Cut(line, `probe="`)
				name, _, _ := strings.Cut(rest, `"`)
				got = append(got, name)
			}
		}
		if !slices.Equal(kept, got) {
			t.Errorf("%s: want the order of creation, %v, got %v", prefix, kept, got)
		}
	}
}

// TestPageKeepsFamiliesTogether checks what OpenMetrics requires: one heading a family, its samples after it, and one end marker.
func TestPageKeepsFamiliesTogether(t *testing.T) {
	f := newFixture()
	f.runMany(t.Context())
	page := scrape(t, f.page(t), "application/openmetrics-text;version=1.0.0").Body.String()
	if !strings.HasSuffix(page, "\n# EOF\n") || strings.Count(page, "# EOF") != 1 {
		t.Errorf("want one end marker at the end, got %q", page[max(0, len(page)-80):])
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
	f := newFixture()
	f.runMany(t.Context())
	page := scrape(t, f.page(t), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited").Body
	families := expfmt.NewDecoder(page, expfmt.NewFormat(expfmt.TypeProtoDelim))
	got := 0
	for {
		var family dto.MetricFamily
		if err := families.Decode(&family); err == io.EOF { //nolint:errorlint // the decoder does not wrap it
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if family.GetName() == "squarewatch_probe_phase_duration_seconds" {
			got += len(family.GetMetric())
		}
	}
	if want := 6 * manySeries; want != got {
		t.Errorf("want %d phase series, got %d", want, got)
	}
}

// closedConnection is a client that has closed its connection.
type closedConnection struct{ http.ResponseWriter }

func (closedConnection) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestIncompletePageClosesTheConnection(t *testing.T) {
	f := newFixture()
	f.runMany(t.Context())
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // it is a panic's value
			t.Errorf("want the connection closed, got %v", got)
		}
	}()
	f.page(t).ServeHTTP(closedConnection{httptest.NewRecorder()}, request)
}

// BenchmarkScrape measures a page of 1,201 probes.
func BenchmarkScrape(b *testing.B) {
	f := newFixture()
	f.runMany(b.Context())
	page := f.page(b)
	b.ReportAllocs()
	for b.Loop() {
		page.ServeHTTP(discard{http.Header{}}, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil))
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header           { return d.header }
func (discard) Write(batch []byte) (int, error) { return len(batch), nil }
func (discard) WriteHeader(int)                 {}

// resetConnection fails as a socket does whose other end was closed. Each has another port.
type resetConnection struct {
	discard

	port int
}

func (c resetConnection) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "tcp", Addr: &net.TCPAddr{Port: c.port}, Err: syscall.EPIPE}
}

// TestScrapesThatAreCutOffAreLoggedOnce has one reader that cuts off every page, and another that does not.
func TestScrapesThatAreCutOffAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		handler, _, err := metric.NewPage(newFixture().registry, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		cutOff := func(port int) {
			defer func() { _ = recover() }() // it closes the connection
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
			handler.ServeHTTP(resetConnection{discard{http.Header{}}, port}, request)
		}
		for i := range 60 {
			cutOff(40_000 + i)
			scrape(t, handler, "text/plain")
			<-time.After(15 * time.Second)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || strings.Contains(log.String(), "4000") {
			t.Errorf("want one line without a port, got %d: %s", n, &log)
		}
		<-time.After(time.Hour)
		cutOff(50_000)
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("want another line after an hour without, got %d: %s", n, &log)
		}
	})
}
