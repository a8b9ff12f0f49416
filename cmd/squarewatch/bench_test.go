package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// benchServer is the environment variable that makes the test binary run as the server of the benchmark, in a separate process because
// its CPU time must not be measured.
const benchServer = "SQUAREWATCH_BENCH_SERVER"

const benchPath = "/o/.well-known/openid-configuration"

// serveBench serves a target and discards telemetry until its standard input ends.
func serveBench() {
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: -1})
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.HandleFunc("/v1/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	plain := aisquaretest.Start(mux)
	secure, _ := aisquaretest.StartTLS(mux, aisquaretest.TLSOptions{HTTP1: true})
	fmt.Println(plain.URL, secure.URL, base64.StdEncoding.EncodeToString(secure.Certificate().Raw))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// benchTargets starts the server process.
func benchTargets(b *testing.B) (plain, secure string, pool *x509.CertPool) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(line)
	der, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		b.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(certificate)
	return fields[0], fields[1], pool
}

// cpu returns the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// benchRate is the number of runs in a second, as in the design's budget. The same number of runs comes before the measured ones, so
// that every probe has its series and its connection, and the start of the daemon is not measured.
const benchRate = 1000

// BenchmarkRunCost prints what a run costs in the whole daemon (dispatcher, runner, recorder with export of traces, engine, history)
// compared with a bare net/http loop at the same rate in the same mode. Both run in this process, one after the other. Metrics are
// exported once a minute, which is rarely within the measurement.
func BenchmarkRunCost(b *testing.B) {
	plain, secure, pool := benchTargets(b)
	for _, mode := range []struct {
		name, target string
		connection   probe.Connection
	}{
		{"http/fresh", plain, probe.Fresh},
		{"http/reuse", plain, probe.Reuse},
		{"https/fresh", secure, probe.Fresh},
		{"https/reuse", secure, probe.Reuse},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.ReportAllocs()
			bare := bareLoop(b, mode.target, mode.connection, pool, b.N)
			whole, missed := wholeDaemon(b, mode.target, sendTo(plain), mode.connection, pool, b.N)
			b.ReportMetric(float64(bare.Microseconds())/float64(b.N), "bare-cpu-µs/run")
			b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "squarewatch-cpu-µs/run")
			b.ReportMetric(float64(whole)/float64(bare), "x-bare")
			b.ReportMetric(float64(missed), "missed")
		})
	}
}

// sendTo is the telemetry section of a daemon that sends everything to a collector.
func sendTo(collector string) string {
	return fmt.Sprintf("{otlp: {endpoint: %q, protocol: http/protobuf}}", collector)
}

// BenchmarkTracing prints what a run costs with all traces kept, with one healthy trace in a hundred, and with none sent, compared with
// the same bare loop, and the number of allocations of the whole daemon for it.
func BenchmarkTracing(b *testing.B) {
	plain, _, pool := benchTargets(b)
	for _, mode := range []struct{ name, telemetry string }{
		{"on", sendTo(plain)},
		{"keep_healthy=1%", strings.Replace(sendTo(plain), "{otlp", "{keep_healthy: 1%, otlp", 1)},
		{"off", "{}"},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.ReportAllocs()
			bare := bareLoop(b, plain, probe.Reuse, pool, b.N)
			whole, missed := wholeDaemon(b, plain, mode.telemetry, probe.Reuse, pool, b.N)
			b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "cpu-µs/run")
			b.ReportMetric(float64(whole)/float64(bare), "x-bare")
			b.ReportMetric(float64(missed), "missed")
		})
	}
}

// bareLoop sends requests at the rate, each in its own goroutine, and returns the CPU time of the last n.
func bareLoop(b *testing.B, target string, connection probe.Connection, pool *x509.CertPool, n int) time.Duration {
	b.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: connection == probe.Fresh, MaxIdleConnsPerHost: 256, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	defer client.CloseIdleConnections()
	var before time.Duration
	var requests sync.WaitGroup
	tick := time.NewTicker(time.Second / benchRate)
	defer tick.Stop()
	for i := range benchRate + n {
		<-tick.C
		if i == benchRate {
			before = cpu(b)
		}
		requests.Go(func() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target+benchPath, http.NoBody)
			if err != nil {
				b.Error(err)
				return
			}
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	requests.Wait()
	return cpu(b) - before
}

// counter is a sink that closes warm after one run for each probe, and done after the given number of further runs.
type counter struct {
	finished atomic.Int64
	missed   atomic.Int64
	bad      atomic.Int64
	measured int64
	warm     chan struct{}
	done     chan struct{}
}

func (c *counter) Finished(r *probe.Result) {
	if !r.Expected {
		c.bad.Add(1)
	}
	switch c.finished.Add(1) {
	case benchRate:
		close(c.warm)
	case benchRate + c.measured:
		close(c.done)
	}
}

func (c *counter) Missed(m probe.Miss) {
	if m.Reason != probe.MissShutdown {
		c.missed.Add(int64(m.Count))
	}
}

// wholeDaemon runs a daemon with one probe for each run in a second, and returns the CPU time of the last n runs.
func wholeDaemon(b *testing.B, target, telemetry string, connection probe.Connection, pool *x509.CertPool, n int) (time.Duration, int64) {
	b.Helper()
	var file strings.Builder
	fmt.Fprintf(&file, "target: %s\ncatalogue: none\nlisten: 127.0.0.1:0\nstate_dir: %s\ntelemetry: %s\n", target, b.TempDir(), telemetry)
	fmt.Fprintf(&file, "defaults: {schedule: '@every 1s', connection: %s}\nprobes:\n", connection)
	for i := range benchRate {
		fmt.Fprintf(&file, "  - {name: p%d, path: %s}\n", i, benchPath)
	}
	count := &counter{measured: int64(n), warm: make(chan struct{}), done: make(chan struct{})}
	d, err := New(b.Context(), Options{
		Load: func() (*config.Config, error) {
			return config.Parse("bench.yaml", []byte(file.String()), config.Options{Kinds: kinds()})
		},
		Logger: discardLogger(),
		Notify: func(string) {},
		Sinks:  []probe.Sink{count},
		TLS:    &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx, nil); err != nil {
			b.Error(err)
		}
	})
	<-count.warm
	before := cpu(b)
	b.ResetTimer()
	<-count.done
	b.StopTimer()
	used := cpu(b) - before
	cancel()
	running.Wait()
	if count.bad.Load() > 0 {
		b.Errorf("%d runs were unexpected", count.bad.Load())
	}
	return used, count.missed.Load()
}
