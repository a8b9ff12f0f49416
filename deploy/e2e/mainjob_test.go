//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// collectorStub forwards traces to Jaeger, and keeps the metrics, which Jaeger does not accept.
type collectorStub struct {
	*httptest.Server

	mu   sync.Mutex
	runs map[string]int64 // code to cumulative number of runs, as last received
}

func startCollector(t *testing.T, j jaeger) *collectorStub {
	t.Helper()
	c := &collectorStub{runs: map[string]int64{}}
	to, err := url.Parse("http://127.0.0.1:" + j.http)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/traces", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	mux.HandleFunc("/v1/metrics", c.metrics)
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *collectorStub) metrics(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportMetricsServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		http.Error(w, "no OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				if metric.GetName() != "squarewatch.probe.runs" {
					continue
				}
				clear(c.runs)
				for _, point := range metric.GetSum().GetDataPoints() {
					for _, attribute := range point.GetAttributes() {
						if attribute.GetKey() == "code" {
							value := attribute.GetValue()
							code := value.GetStringValue()
							if code == "" {
								code = strconv.FormatInt(value.GetIntValue(), 10)
							}
							c.runs[code] += point.GetAsInt()
						}
					}
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collectorStub) count(code string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[code]
}

const (
	collectionsPath = "/api/v1/collections/"
	feedPath        = "/api/v1/aistudios/experiences/flattened/"
)

// served returns what the target answered, by status, over all paths.
func served(api *aisquaretest.API) map[int]int {
	sum := map[int]int{}
	for _, r := range api.Requests() {
		sum[r.Status]++
	}
	return sum
}

func TestTheMainJob(t *testing.T) {
	j := startJaeger(t)
	collector := startCollector(t, j)
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: 1_000_000})
	target := aisquaretest.Start(api)
	defer target.Close()
	slack := slackstub.New()
	defer slack.Close()
	listen := "127.0.0.1:" + freePort(t)
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	write := func(schedule string) {
		t.Helper()
		config := fmt.Sprintf(`
target: %s
studio: ai-research-studio
credentials:
  partner: {api_key: "${env:AISQUARE_KEY}"}
defaults: {schedule: %q}
rules:
  - {name: server-errors, on: [5xx], per: probe, window: 10s, threshold: 20%%, min_runs: 5, notify: [ops]}
  - {name: unauthenticated, on: [401], per: credential, window: 10s, threshold: 20%%, min_runs: 5, notify: [ops]}
notifiers:
  ops: {slack: {webhook_url: "${env:SLACK_WEBHOOK}"}, group_wait: 0s}
telemetry:
  otlp: {endpoint: %q, protocol: http/protobuf}
  trace_url: "http://127.0.0.1:%s/trace/{trace_id}"
listen: %s
state_dir: %s
`, target.URL, schedule, collector.URL, j.query, listen, filepath.Join(filepath.Dir(file), "state"))
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("@every 1s")
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "AISQUARE_KEY="+aisquaretest.DefaultKey, "SLACK_WEBHOOK="+slack.Webhook())
	out := start(t, cmd)
	eventually(t, 30*time.Second, "ready", func() bool {
		status, _, err := get(t.Context(), "http://"+listen+"/-/ready")
		return err == nil && status == http.StatusOK
	})
	eventually(t, 30*time.Second, "12 answers of collections", func() bool { return api.Counts(collectionsPath)[200] >= 12 })

	received := func(n int, prefix string) {
		t.Helper()
		eventually(t, 60*time.Second, fmt.Sprintf("message %d: %s", n, prefix), func() bool {
			m := slack.Messages()
			return len(m) >= n && strings.HasPrefix(m[n-1].Text, prefix)
		})
	}
	api.SetFault(feedPath, aisquaretest.Fault{Status: 500, Body: `{"detail": "database is on fire"}`})
	received(1, "FIRING server-errors feed")
	api.ClearFaults()
	received(2, "RESOLVED server-errors feed")
	api.Revoke(aisquaretest.DefaultKey)
	received(3, "FIRING unauthenticated partner")
	api.Restore(aisquaretest.DefaultKey)
	received(4, "RESOLVED unauthenticated partner")

	// A reload to a yearly schedule stops all runs, so that the counts do not change any more.
	write("0 0 1 1 *")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the reload", func() bool {
		return strings.Contains(out.String(), "configuration reloaded")
	})
	checkCounts(t, api, listen)
	checkTrace(t, j, api, slack.Messages()[0].Raw)

	took, err := stop(t, cmd)
	if err != nil || took > 10*time.Second {
		t.Errorf("SIGTERM: want exit 0 within 10s, got %v after %v", err, took)
	}
	for code, n := range served(api) {
		if got := collector.count(strconv.Itoa(code)); got != int64(n) {
			t.Errorf("OTLP counts %d answers %d, the target served %d", got, code, n)
		}
	}
	if n := len(slack.Messages()); n != 4 {
		t.Errorf("want 4 messages and no more, got %d: %v", n, slack.Messages())
	}
	log := out.String()
	if strings.Contains(log, aisquaretest.DefaultKey) || strings.Contains(log, "hush") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the log holds a secret or a race:\n%s", log)
	}
}

// checkCounts compares /metrics with the target's own journal. Expected refusals are served throughout.
func checkCounts(t *testing.T, api *aisquaretest.API, listen string) {
	t.Helper()
	counts := served(api)
	for _, code := range []int{200, 401, 404, 500} {
		if counts[code] == 0 {
			t.Errorf("the target never served %d: the test does not cover it", code)
		}
	}
	eventually(t, 10*time.Second, "/metrics counts what the target served", func() bool {
		for code, n := range served(api) {
			if scrape(t, listen, "squarewatch_probe_runs_total", map[string]string{"code": strconv.Itoa(code)}) != float64(n) {
				return false
			}
		}
		return true
	})
	t.Logf("the target served %v, and /metrics counts the same", counts)
}

// checkTrace follows the link of a message to Jaeger, and checks the trace of the failing run.
func checkTrace(t *testing.T, j jaeger, api *aisquaretest.API, message string) {
	t.Helper()
	link := traceLink.FindStringSubmatch(message)
	if link == nil {
		t.Fatalf("no link to a trace in %s", message)
	}
	id := link[1]
	var spans []jaegerSpan
	eventually(t, 30*time.Second, "Jaeger has the trace "+id, func() bool {
		spans = j.trace(t.Context(), id)
		return len(spans) >= 6
	})
	byID, byName := map[string]jaegerSpan{}, map[string]jaegerSpan{}
	for _, s := range spans {
		byID[s.SpanID], byName[s.OperationName] = s, s
	}
	root, attempt := byName["probe feed"], byName["GET "+feedPath]
	if root.parent() != "" || attempt.parent() != root.SpanID {
		t.Errorf("want the attempt under the root, got parents %q and %q", root.parent(), attempt.parent())
	}
	for _, phase := range []string{"http.connect", "http.send", "http.wait", "http.receive"} {
		if byName[phase].parent() != attempt.SpanID {
			t.Errorf("%s: want it under the attempt, got %+v", phase, byName[phase])
		}
	}
	for _, s := range spans {
		// Jaeger rounds a start and a duration down to a microsecond each, so a parent may seem to end one microsecond early.
		if p, ok := byID[s.parent()]; ok && (s.StartTime < p.StartTime || s.StartTime+s.Duration > p.StartTime+p.Duration+1) {
			t.Errorf("%s from %d for %d lies outside %s from %d for %d",
				s.OperationName, s.StartTime, s.Duration, p.OperationName, p.StartTime, p.Duration)
		}
	}
	for _, want := range []struct {
		span       jaegerSpan
		key, value string
	}{
		{root, "squarewatch.probe.name", "feed"},
		{root, "squarewatch.probe.class", "server_error"},
		{root, "squarewatch.probe.expected", "false"},
		{root, "span.kind", "internal"},
		{root, "otel.status_code", "ERROR"},
		{root, "error", "true"},
		{attempt, "span.kind", "client"},
		{attempt, "http.request.method", "GET"},
		{attempt, "http.response.status_code", "500"},
		{attempt, "error.type", "500"},
		{attempt, "server.address", "127.0.0.1"},
		{attempt, "user_agent.synthetic.type", "test"},
		{attempt, "otel.status_code", "ERROR"},
	} {
		if got := want.span.tag(want.key); got != want.value {
			t.Errorf("%s: %s: want %q, got %q", want.span.OperationName, want.key, want.value, got)
		}
	}
	if got := attempt.tag("url.full"); !strings.HasSuffix(got, "?page_size=REDACTED") {
		t.Errorf("url.full: %q", got)
	}
	for _, r := range api.Requests() {
		if r.TraceParent == "00-"+id+"-"+attempt.SpanID+"-01" && r.Status == 500 {
			return
		}
	}
	t.Errorf("no request reached the target with trace %s and span %s", id, attempt.SpanID)
}

func TestProbeCommandAndTracesOverGRPC(t *testing.T) {
	j := startJaeger(t)
	api := aisquaretest.New(aisquaretest.Options{})
	target := aisquaretest.Start(api)
	defer target.Close()
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	config := fmt.Sprintf("target: %s\nstudio: ai-research-studio\ncredentials: {partner: {api_key: '${env:AISQUARE_KEY}'}}\n"+
		"telemetry: {otlp: {endpoint: 'http://127.0.0.1:%s', protocol: grpc}}\n", target.URL, j.grpc)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary(t), append(args, "--config", file)...)
		cmd.Env = append(os.Environ(), "AISQUARE_KEY="+aisquaretest.DefaultKey)
		out, err := cmd.Output()
		return string(out), err
	}
	table, err := run("probe")
	if err != nil || !strings.Contains(table, "auth-wall") || !strings.Contains(table, "unauthenticated") {
		t.Errorf("probe: %v\n%s", err, table)
	}
	api.SetFault(collectionsPath, aisquaretest.Fault{Status: 503})
	line, err := run("probe", "collections", "--json")
	if err == nil || !strings.Contains(line, `"class":"server_error","code":503,"expected":false`) {
		t.Errorf("probe --json with a fault: want status 1, got %v\n%s", err, line)
	}
	_, id, _ := strings.Cut(line, `"trace_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	eventually(t, 30*time.Second, "Jaeger has the trace of the command", func() bool { return len(j.trace(t.Context(), id)) >= 6 })
}

// TestNothingOutsideStopsTheDaemon starts without a collector and without Slack.
func TestNothingOutsideStopsTheDaemon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	listen := "127.0.0.1:" + freePort(t)
	config := fmt.Sprintf(`
target: http://127.0.0.1:%s
defaults: {schedule: "@every 1s", timeout: 1s}
catalogue: [reach]
rules: [{name: gone, on: [transport], window: 10s, threshold: 20%%, min_runs: 3}]
notifiers: {ops: {slack: {webhook_url: "http://127.0.0.1:%s/hush"}}}
telemetry: {otlp: {endpoint: "http://127.0.0.1:%s"}}
listen: %s
state_dir: none
`, freePort(t), freePort(t), freePort(t), listen)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	out := start(t, cmd)
	eventually(t, 30*time.Second, "an undelivered message is counted", func() bool {
		status, _, err := get(context.WithoutCancel(t.Context()), "http://"+listen+"/-/healthy")
		return err == nil && status == http.StatusOK &&
			scrape(t, listen, "squarewatch_notify_failed_total", map[string]string{"notifier": "ops"}) >= 1
	})
	took, err := stop(t, cmd)
	if err != nil || took > 10*time.Second {
		t.Errorf("SIGTERM: want exit 0 within 10s, got %v after %v", err, took)
	}
	if log := out.String(); strings.Contains(log, "hush") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the log holds a secret or a race:\n%s", log)
	}
}
