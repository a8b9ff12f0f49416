package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/config"
	"squarewatch/probe"
)

// benchMany is the environment variable that makes the test binary run as a daemon with many probes, in a separate process so that its
// memory can be measured. Its value is the target.
const benchMany = "SQUAREWATCH_BENCH_MANY"

// The budget of the design: this number of probes, each every ten seconds.
const (
	manyProbes   = 10_000
	manyWarmUp   = 12 * time.Second // until every probe has run, and has its series and its connection
	manyMeasured = 55 * time.Second // with the first export of metrics, at 60 s, in it
)

// BenchmarkManyProbes runs a daemon with 10,000 probes at 10 s. It prints the time until it is ready, its memory after the first export
// of metrics and four scrapes of its page, and how late runs start.
func BenchmarkManyProbes(b *testing.B) {
	plain, _, _ := benchTargets(b)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), benchMany+"="+plain)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if lines.Text() == "ready" {
				b.ReportMetric(time.Since(begin).Seconds(), "s-to-ready")
				continue
			}
			var unit string
			var value float64
			if _, err := fmt.Sscan(lines.Text(), &value, &unit); err != nil {
				b.Fatalf("the daemon said %q: %v", lines.Text(), err)
			}
			b.ReportMetric(value, unit)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// delays is a sink that records how late runs start, from a given time on.
type delays struct {
	from time.Time

	mu     sync.Mutex
	late   []time.Duration
	missed int
	bad    int
}

func (d *delays) Finished(r *probe.Result) {
	if r.Start.Before(d.from) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late = append(d.late, r.Lateness())
	if !r.Expected {
		d.bad++
	}
}

func (d *delays) Missed(m probe.Miss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Reason != probe.MissShutdown {
		d.missed += m.Count
	}
}

// serveMany is the daemon of BenchmarkManyProbes. It prints its figures, each with its unit.
func serveMany(target string) {
	saveMemory()
	stateDir, err := os.MkdirTemp("", "squarewatch-many")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer func() { _ = os.RemoveAll(stateDir) }()
	path, err := manyConfig(target, stateDir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer func() { _ = os.Remove(path) }()
	d := &delays{from: time.Now().Add(manyWarmUp), late: make([]time.Duration, 0, 5*manyProbes)}
	daemon, err := New(context.Background(), Options{
		Load:   func() (*config.Config, error) { return config.Load(path, config.Options{Kinds: kinds()}) },
		Logger: discardLogger(),
		Notify: func(state string) {
			if state == "READY=1" {
				fmt.Println("ready")
			}
		},
		Sinks: []probe.Sink{d},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), manyWarmUp+manyMeasured)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { _ = daemon.Run(ctx, nil) }) // what it cannot do shows in the figures
	scrapeLikePrometheus(ctx, "http://"+daemon.Addr().String()+"/metrics")
	fmt.Println(memory("VmRSS:"), "MB-resident")
	fmt.Println(memory("VmHWM:"), "MB-resident-at-most")
	running.Wait()
	slices.Sort(d.late)
	fmt.Println(len(d.late), "runs")
	fmt.Println(d.late[len(d.late)*99/100].Seconds()*1000, "ms-late-p99")
	fmt.Println(d.late[len(d.late)/2].Seconds()*1000, "ms-late-p50")
	fmt.Println(d.missed, "missed")
	fmt.Println(d.bad, "unexpected")
}

// scrapeLikePrometheus reads the metrics page every 15 s until ctx ends.
func scrapeLikePrometheus(ctx context.Context, page string) {
	client := &http.Client{}
	due := time.NewTicker(15 * time.Second)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		answer, err := client.Do(request)
		if err != nil {
			continue // the figures show it: the end of ctx
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// manyConfig writes the configuration file.
func manyConfig(target, stateDir string) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "target: %s\ncatalogue: none\nlisten: 127.0.0.1:0\nstate_dir: %s\ntelemetry: {otlp: {endpoint: %q, protocol: "+
		"http/protobuf}}\n", target, stateDir, target)
	fmt.Fprint(&text, "limits: {concurrency: 512, per_host: 512}\ndefaults: {schedule: '@every 10s', connection: reuse}\nprobes:\n")
	for i := range manyProbes {
		fmt.Fprintf(&text, "  - {name: p%d, path: %s}\n", i, benchPath)
	}
	file, err := os.CreateTemp("", "squarewatch-*.yaml")
	if err != nil {
		return "", err
	}
	if _, err := file.WriteString(text.String()); err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

// memory returns a line of the process's status in megabytes.
func memory(name string) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes float64
		if value, found := strings.CutPrefix(line, name); found {
			if _, err := fmt.Sscan(value, &kilobytes); err == nil {
				return kilobytes * 1024 / 1e6
			}
		}
	}
	return 0
}
