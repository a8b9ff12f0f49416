//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// realCollector is an OpenTelemetry Collector. Jaeger is one, built with its receivers and exporters
// (https://www.jaegertracing.io/docs/2.0/architecture/). It counts what it gets in its log.
type realCollector struct {
	t                                  *testing.T
	http, grpc, secureHTTP, secureGRPC string // its ports; the secure ones want a client certificate
	large                              string // HTTP, without a limit of the size
	pair                               string // a file with the certificate and the key of all
	command                            []string
	cmd                                *exec.Cmd
	log                                *output
}

// smallBody is the size in bytes of the largest request that the collector takes over HTTP without TLS.
const smallBody = 6000

func newCollector(t *testing.T) *realCollector {
	t.Helper()
	c := &realCollector{
		t: t, http: freePort(t), grpc: freePort(t), secureHTTP: freePort(t), secureGRPC: freePort(t), large: freePort(t),
	}
	folder := t.TempDir()
	c.pair = filepath.Join(folder, "pair.pem")
	tls := fmt.Sprintf("tls: {cert_file: %[1]s, key_file: %[1]s, client_ca_file: %[1]s}", c.pair)
	file := filepath.Join(folder, "collector.yaml")
	for path, text := range map[string]string{c.pair: certificate(t), file: fmt.Sprintf(`
service:
  pipelines:
    traces: {receivers: [otlp, otlp/secure, otlp/large], exporters: [debug]}
    metrics: {receivers: [otlp, otlp/secure, otlp/large], exporters: [debug]}
  telemetry: {metrics: {level: none}}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:%s"}
      http: {endpoint: "127.0.0.1:%s", max_request_body_size: %d}
  otlp/secure:
    protocols:
      grpc: {endpoint: "127.0.0.1:%s", %s}
      http: {endpoint: "127.0.0.1:%s", %s}
  otlp/large: {protocols: {http: {endpoint: "127.0.0.1:%s"}}}
exporters: {debug: {}}
`, c.grpc, c.http, smallBody, c.secureGRPC, tls, c.secureHTTP, tls, c.large)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.command = []string{jaegerBinary(t), "--config", file}
	c.start()
	return c
}

// jaegerBinary is the path of the Jaeger that setup.sh built.
func jaegerBinary(t *testing.T) string {
	t.Helper()
	built, err := exec.CommandContext(t.Context(), "../jaeger/build.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(built))
}

// start starts the collector, for the first time or again.
func (c *realCollector) start() {
	c.t.Helper()
	c.cmd = exec.CommandContext(c.t.Context(), c.command[0], c.command[1:]...)
	c.log = start(c.t, c.cmd)
	for _, port := range []string{c.http, c.grpc, c.secureHTTP, c.secureGRPC, c.large} {
		eventually(c.t, 30*time.Second, "the collector listens", func() bool { return listens("127.0.0.1:" + port) })
	}
}

// counted returns how many spans or data points the collector got.
func (c *realCollector) counted(what string) int {
	total := 0
	for _, found := range regexp.MustCompile(`"`+what+`": (\d+)`).FindAllStringSubmatch(c.log.String(), -1) {
		n, _ := strconv.Atoi(found[1])
		total += n
	}
	return total
}

// sender is a squarewatch that sends its telemetry somewhere.
type sender struct {
	listen string
	log    *output
}

// send starts a squarewatch with 20 probes and the settings of telemetry.otlp.
func (c *realCollector) send(otlp string) *sender {
	c.t.Helper()
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	c.t.Cleanup(target.Close)
	s := &sender{listen: "127.0.0.1:" + freePort(c.t)}
	folder := c.t.TempDir()
	var text strings.Builder
	fmt.Fprintf(&text, "target: %s\ncatalogue: none\nlisten: %s\nstate_dir: %s\ntelemetry: {otlp: {%s}}\n"+
		"allow_http: true\ndefaults: {schedule: \"@every 1s\"}\nprobes:\n", target.URL, s.listen, folder, otlp)
	for i := range 20 {
		fmt.Fprintf(&text, "  - {name: p%d, path: /o/.well-known/openid-configuration}\n", i)
	}
	file := filepath.Join(folder, "squarewatch.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), binary(c.t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "OTEL_METRIC_EXPORT_INTERVAL=2000")
	s.log = start(c.t, cmd)
	eventually(c.t, 30*time.Second, "the daemon listens", func() bool { return listens(s.listen) })
	c.t.Cleanup(func() { _, _ = stop(c.t, cmd) })
	return s
}

// arrives waits until the collector gets spans and data points of a sender, none of which is lost.
func (c *realCollector) arrives(s *sender) {
	c.t.Helper()
	spans, points := c.counted("spans"), c.counted("data points")
	eventually(c.t, 60*time.Second, "spans and metrics arrive", func() bool {
		return c.counted("spans") >= spans+500 && c.counted("data points") >= points+100
	})
	if lost := scrape(c.t, s.listen, "squarewatch_spool_dropped_total", nil); lost > 0 {
		c.t.Errorf("want no span lost, got %v\n%s", lost, s.log)
	}
}

// waits checks that spans wait on disk, that none is lost, and that the log says why.
func (c *realCollector) waits(s *sender, why string) {
	c.t.Helper()
	eventually(c.t, 60*time.Second, "the log says why: "+why, func() bool {
		return strings.Contains(s.log.String(), "spans do not reach the collector") && regexp.MustCompile(why).MatchString(s.log.String())
	})
	eventually(c.t, 30*time.Second, "spans wait", func() bool { return scrape(c.t, s.listen, "squarewatch_spool_bytes", nil) > 0 })
	if lost := scrape(c.t, s.listen, "squarewatch_spool_dropped_total", nil); lost > 0 {
		c.t.Errorf("want no span lost, got %v\n%s", lost, s.log)
	}
}

// TestARealCollector sends to a collector that takes small requests only, that wants client certificates, and over the wrong protocol.
func TestARealCollector(t *testing.T) {
	c := newCollector(t)
	pair := fmt.Sprintf("ca: %[1]s, client_certificate: %[1]s, client_key: %[1]s", c.pair)
	run := func(name string, test func(c *realCollector)) {
		t.Run(name, func(t *testing.T) {
			mine := *c
			mine.t = t
			test(&mine)
		})
	}
	run("a limit of the size", func(c *realCollector) {
		behind, err := url.Parse("http://127.0.0.1:" + c.http)
		if err != nil {
			c.t.Fatal(err)
		}
		var refused atomic.Int64
		proxy := httputil.NewSingleHostReverseProxy(behind)
		proxy.ModifyResponse = func(r *http.Response) error {
			if r.StatusCode >= http.StatusBadRequest {
				refused.Add(1)
			}
			return nil
		}
		port := freePort(c.t)
		server := &http.Server{Addr: "127.0.0.1:" + port, Handler: proxy}
		go func() { _ = server.ListenAndServe() }()
		c.t.Cleanup(func() { _ = server.Close() })
		c.arrives(c.send(`endpoint: "http://127.0.0.1:` + port + `", protocol: http/protobuf`))
		if refused.Load() == 0 {
			c.t.Error("want the collector to refuse large requests")
		}
		c.t.Logf("%d requests were refused for their size", refused.Load())
	})
	run("gRPC", func(c *realCollector) {
		c.arrives(c.send(`endpoint: "http://127.0.0.1:` + c.grpc + `", protocol: grpc`))
	})
	run("a client certificate over HTTP", func(c *realCollector) {
		c.arrives(c.send(`endpoint: "https://127.0.0.1:` + c.secureHTTP + `", protocol: http/protobuf, ` + pair))
	})
	run("a client certificate over gRPC", func(c *realCollector) {
		c.arrives(c.send(`endpoint: "https://127.0.0.1:` + c.secureGRPC + `", protocol: grpc, ` + pair))
	})
	at := func(scheme, port, protocol string) string {
		return fmt.Sprintf("endpoint: \"%s://127.0.0.1:%s\", protocol: %s", scheme, port, protocol)
	}
	for name, wrong := range map[string]struct{ otlp, why string }{
		"no client certificate":    {at("https", c.secureHTTP, "http/protobuf") + ", ca: " + c.pair, "set telemetry.otlp.client_certificate"},
		"gRPC to the port of HTTP": {at("http", c.http, "grpc"), "this port speaks HTTP, not gRPC"},
		"HTTP to the port of gRPC": {at("http", c.grpc, "http/protobuf"), "this port speaks gRPC, not HTTP"},
		"no TLS to a port with it": {at("http", c.secureHTTP, "http/protobuf"), "telemetry.otlp.endpoint begin with https://"},
	} {
		run(name, func(c *realCollector) {
			s := c.send(wrong.otlp)
			c.waits(s, wrong.why)
			for line := range strings.Lines(s.log.String()) {
				if strings.Contains(line, "spans do not reach") {
					c.t.Log(line)
				}
			}
		})
	}
}
