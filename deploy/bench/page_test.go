//go:build bench

package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// viewers is how many people look at the page at once.
const viewers = 50

// BenchmarkPage measures the home page of a daemon with one bad probe: first byte, first paint and size in Chromium, beside the first paint
// of a page with one line. It also measures the processor time for 50 viewers, who get an update whenever something changes.
func BenchmarkPage(b *testing.B) {
	binary := build(b)
	for _, size := range []struct{ probes, seconds int }{{1_000, 10}, {10_000, 60}} {
		b.Run(fmt.Sprintf("%d_probes", size.probes), func(b *testing.B) {
			t, dir, address := newTarget(b), b.TempDir(), freePort(b)
			var file strings.Builder
			fmt.Fprintf(&file, "target: %s\ncatalogue: none\nlisten: %s\nstate_dir: %s\ntelemetry: {}\n", t.plain.URL, address, dir)
			fmt.Fprintf(&file, "defaults: {schedule: '@every %ds'}\nprobes:\n", size.seconds)
			fmt.Fprintf(&file, "  - {name: bad, path: /missing/, schedule: '@every 1s'}\n")
			for i := range size.probes {
				fmt.Fprintf(&file, "  - {name: p%d, path: /probe/%d}\n", i, i)
			}
			fmt.Fprintf(&file, "rules: [{name: anything, on: [unexpected], window: 10s, min_runs: 3}]\n")
			p := start(b, nil, binary, "run", "--config", write(b, dir, "squarewatch.yaml", file.String()))
			awaitReady(b, "http://"+address+"/-/ready")
			alone := busy(b, p)
			report(b, address)
			for range viewers {
				watch(b, address)
			}
			each := (busy(b, p) - alone) / viewers
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(100*each, "%-of-a-core/viewer")
			b.ReportMetric(memory(b, []*process{p}, "Rss:"), "MB")
			p.stop()
		})
	}
}

// busy returns the CPU time that a process uses in a second, in seconds, after it has gone on for a while.
func busy(b *testing.B, p *process) float64 {
	b.Helper()
	const measured = 20 * time.Second
	<-time.After(10 * time.Second)
	before := cpu(b, []*process{p})
	<-time.After(measured)
	return (cpu(b, []*process{p}) - before).Seconds() / measured.Seconds()
}

// report measures the page in Chromium.
func report(b *testing.B, address string) {
	b.Helper()
	text, err := exec.CommandContext(b.Context(), "node", "../e2e/pagejudge/paint.mjs", "http://"+address).Output()
	if err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	var got struct{ FirstByte, FirstPaint, Bytes, Floor float64 }
	if err := json.Unmarshal(text, &got); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	b.ReportMetric(got.FirstByte, "ms-first-byte")
	b.ReportMetric(got.FirstPaint, "ms-first-paint")
	b.ReportMetric(got.Floor, "ms-first-paint-of-a-line")
	b.ReportMetric(got.Bytes/1e3, "kB")
}

// watch reads the events of the page, as a viewer's browser does, until the benchmark ends. At each event it asks for the page again.
func watch(b *testing.B, address string) {
	b.Helper()
	client := &http.Client{}
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+address+"/events", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("/events: %v %v", response, err)
	}
	b.Cleanup(func() { _ = response.Body.Close() })
	go func() {
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "data:") {
				continue
			}
			page, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+address+"/", http.NoBody)
			if err != nil {
				return
			}
			if answer, err := client.Do(page); err == nil {
				_ = answer.Body.Close()
			}
		}
	}()
}
