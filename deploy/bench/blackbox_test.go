//go:build bench

package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// rates returns the numbers of runs per second to measure. Each probe runs once a second.
func rates() []int { return []int{100, 500, 1000} }

const (
	warmUp   = 10 * time.Second // every probe has its series, and the programs have read their files
	measured = 20 * time.Second
)

// target answers every request as a healthy API does, counts them, and discards telemetry.
type target struct {
	*httptest.Server

	requests atomic.Int64
}

func newTarget(b *testing.B) *target {
	b.Helper()
	t := &target{}
	mux := http.NewServeMux()
	mux.HandleFunc("/probe/", func(w http.ResponseWriter, _ *http.Request) {
		t.requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"count": 0, "results": []}`)
	})
	mux.HandleFunc("/v1/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	t.Server = httptest.NewServer(mux)
	b.Cleanup(t.Close)
	return t
}

// cost is what several programs use together.
type cost struct {
	perRun   time.Duration // CPU time
	resident int           // bytes
	runs     int64
}

// perSecond returns the CPU time in seconds that the programs use per second: 1 is a whole core.
func (c cost) perSecond() float64 { return float64(c.perRun) * float64(c.runs) / float64(measured) }

// measure waits for warmUp, and returns what the programs use for the requests that the target gets in the time measured.
func (t *target) measure(b *testing.B, programs ...*process) cost {
	b.Helper()
	read := func() (used time.Duration, resident int) {
		for _, p := range programs {
			cpu, err := p.cpu()
			if err != nil {
				b.Fatal(err)
			}
			memory, err := p.resident()
			if err != nil {
				b.Fatal(err)
			}
			used, resident = used+cpu, resident+memory
		}
		return used, resident
	}
	<-time.After(warmUp)
	before, _ := read()
	requests := t.requests.Load()
	<-time.After(measured)
	after, resident := read()
	runs := t.requests.Load() - requests
	if runs == 0 {
		b.Fatal("the target got no request")
	}
	return cost{(after - before) / time.Duration(runs), resident, runs}
}

// BenchmarkBlackbox runs squarewatch with everything on: it sends traces and metrics, keeps the history and has the default rules. Then it
// runs Debian's prometheus-blackbox-exporter under Debian's prometheus. Both have the same number of probes of one target. Each probe runs
// once a second over a new connection.
func BenchmarkBlackbox(b *testing.B) {
	binary := build(b)
	for _, rate := range rates() {
		b.Run(fmt.Sprintf("%d_per_second", rate), func(b *testing.B) {
			ours, theirs := squarewatch(b, binary, rate), blackbox(b, rate)
			b.ReportMetric(0, "ns/op")
			report := func(name string, c cost) {
				b.ReportMetric(float64(c.perRun.Microseconds()), name+"-cpu-µs/run")
				b.ReportMetric(float64(c.resident)/1e6, name+"-MB")
				b.ReportMetric(float64(c.runs)/measured.Seconds(), name+"-runs/s")
			}
			report("squarewatch", ours)
			report("blackbox", theirs)
			b.ReportMetric(float64(ours.perRun)/float64(theirs.perRun), "x-blackbox")
		})
	}
}

// squarewatch measures squarewatch.
func squarewatch(b *testing.B, binary string, rate int) (c cost) {
	b.Helper()
	t, dir, address := newTarget(b), b.TempDir(), freePort(b)
	var file strings.Builder
	fmt.Fprintf(&file, "target: %s\ncatalogue: none\nlisten: %s\nstate_dir: %s\ntelemetry: {otlp: {endpoint: %q, protocol: http/protobuf}}\n",
		t.URL, address, dir, t.URL)
	fmt.Fprintf(&file, "defaults: {schedule: '@every 1s'}\nprobes:\n")
	for i := range rate {
		fmt.Fprintf(&file, "  - {name: p%d, path: /probe/%d}\n", i, i)
	}
	p := start(b, binary, "run", "--config", write(b, dir, "squarewatch.yaml", file.String()))
	awaitReady(b, "http://"+address+"/-/ready")
	c = t.measure(b, p)
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
	return c
}

// blackbox measures prometheus-blackbox-exporter under prometheus.
func blackbox(b *testing.B, rate int) (c cost) {
	b.Helper()
	t, dir, exporter, server := newTarget(b), b.TempDir(), freePort(b), freePort(b)
	modules := write(b, dir, "blackbox.yml", "modules: {http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n")
	var file strings.Builder
	fmt.Fprintf(&file, "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: blackbox\n  metrics_path: /probe\n"+
		"  params: {module: [http_2xx]}\n  relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n"+
		"  - {source_labels: [__param_target], target_label: instance}\n  - {target_label: __address__, replacement: %q}\n"+
		"  static_configs:\n  - targets:\n", exporter)
	for i := range rate {
		fmt.Fprintf(&file, "    - %s/probe/%d\n", t.URL, i)
	}
	config := write(b, dir, "prometheus.yml", file.String())
	programs := []*process{
		start(b, "prometheus-blackbox-exporter", "--config.file="+modules, "--web.listen-address="+exporter),
		start(b, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+server),
	}
	awaitReady(b, "http://"+server+"/-/ready")
	c = t.measure(b, programs...)
	for _, p := range programs {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	return c
}

// write writes a file, and returns its path.
func write(b *testing.B, dir, name, text string) string {
	b.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}
