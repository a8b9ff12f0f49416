package otel_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"squarewatch/config/golden"
	"squarewatch/otel"
	"squarewatch/otel/collector"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// received is what a collector received from one squarewatch, over OTLP/HTTP.
type received struct {
	mu        sync.Mutex
	headers   map[string]http.Header // of the first request, by path
	resource  map[string]string
	span      map[string]string // attributes of all spans
	count     int               // of attributes of the span with the most
	records   []int             // of each request
	record    map[string]string // attributes of all records
	logged    string            // by squarewatch
	refused   error             // by check
	addresses []string          // that telemetry is sent to
}

func (r *received) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.headers[request.URL.Path] == nil {
		r.headers[request.URL.Path] = request.Header
	}
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(request.Body)
	}
	content, _ := io.ReadAll(body)
	var spans tracepb.ExportTraceServiceRequest
	var logs logspb.ExportLogsServiceRequest
	switch {
	case strings.HasSuffix(request.URL.Path, "traces"):
		_ = proto.Unmarshal(content, &spans)
	case strings.HasSuffix(request.URL.Path, "logs"):
		_ = proto.Unmarshal(content, &logs)
	}
	for _, resource := range spans.GetResourceSpans() {
		r.add(r.resource, resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.add(r.span, span.GetAttributes())
				r.count = max(r.count, len(span.GetAttributes()))
			}
		}
	}
	for _, resource := range logs.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			r.records = append(r.records, len(scope.GetLogRecords()))
			for _, record := range scope.GetLogRecords() {
				r.add(r.record, record.GetAttributes())
			}
		}
	}
}

func (r *received) add(to map[string]string, attributes []*commonpb.KeyValue) {
	for _, a := range attributes {
		to[a.GetKey()] = a.GetValue().GetStringValue()
	}
}

// sendWith sets the variables, and sends spans, metrics and logs. Unless the variables name a collector, OTEL_EXPORTER_OTLP_ENDPOINT names
// the one of the test. SERVER in a value stands for its address.
func sendWith(t *testing.T, variables map[string]string) *received {
	t.Helper()
	r := &received{
		headers: map[string]http.Header{}, resource: map[string]string{}, span: map[string]string{}, record: map[string]string{},
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	if _, ok := variables["OTEL_EXPORTER_OTLP_ENDPOINT"]; !ok {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	}
	for name, value := range variables {
		t.Setenv(name, strings.ReplaceAll(value, "SERVER", server.URL))
	}
	settings := collector.OTLP{Logs: true}
	destinations, err := settings.Destinations(os.Getenv)
	r.refused = err
	for _, d := range destinations {
		r.addresses = append(r.addresses, d.Signal+" "+strings.ReplaceAll(d.URL, server.URL, "SERVER"))
	}
	logs := &logBuffer{}
	otel.ReportFaults(logs.logger())
	t.Cleanup(func() { otel.ReportFaults(slog.New(slog.DiscardHandler)) })
	all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: settings, KeepHealthy: 1}, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	recordAll(all.Recorder())
	logger := all.Logger(logs.logger())
	for range 3 {
		logger.InfoContext(t.Context(), "hello", "one", "abcdefgh", "two", "abcdefgh")
	}
	_ = all.Flush(t.Context()) // fails for a wrong endpoint
	shutDown(t, all)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logged = logs.String()
	return r
}

// specified is a variable of the specification, a value, and the effect that the value must have.
type specified struct {
	name, value string
	does        string // what squarewatch does with it, for the page on traces
	want        func(*received) bool
	with        map[string]string // other variables
}

func header(path, name, want string) func(*received) bool {
	return func(r *received) bool { return r.headers[path].Get(name) == want }
}

func sentTo(addresses ...string) func(*received) bool {
	return func(r *received) bool { return slices.Equal(addresses, r.addresses) }
}

func refusedWith(text string) func(*received) bool {
	return func(r *received) bool { return r.refused != nil && strings.Contains(r.refused.Error(), text) }
}

// sdkReports returns the check for a value that the SDK cannot read: the log must name the variable.
func sdkReports(name string) func(*received) bool {
	return func(r *received) bool { return strings.Contains(r.logged, name) }
}

// ofSignal are the variables of the exporter for all signals, or for one:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options.
func ofSignal(infix, path string) []specified {
	all := "OTEL_EXPORTER_OTLP" + infix
	tls := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1"}
	withCertificate := map[string]string{all + "_CLIENT_CERTIFICATE": "specification_test.go"}
	maps.Copy(withCertificate, tls)
	return []specified{
		{all + "_HEADERS", "x-token=a%20b", "read", header(path, "X-Token", "a b"), nil},
		{all + "_COMPRESSION", "gzip", "read: `gzip` or `none`", header(path, "Content-Encoding", "gzip"), nil},
		{all + "_TIMEOUT", "10s", "read; with 0, requests of spans are still limited to 30 s", func(r *received) bool {
			return strings.Contains(r.logged, all+"_TIMEOUT is not a number of milliseconds")
		}, nil},
		{all + "_PROTOCOL", "http/json", "read: `grpc` or `http/protobuf`; `http/json` is refused", refusedWith("http/json"), nil},
		{all + "_CERTIFICATE", "/no/ca.pem", "read", refusedWith("/no/ca.pem"), tls},
		{all + "_CLIENT_CERTIFICATE", "/no/client.pem", "read", refusedWith("/no/client.pem"), tls},
		{all + "_CLIENT_KEY", "/no/key.pem", "read", refusedWith("/no/key.pem"), withCertificate},
	}
}

// endpoints are the variables that say where to send.
func endpoints() []specified {
	const all = "OTEL_EXPORTER_OTLP"
	return []specified{
		{
			all + "_ENDPOINT", "SERVER/x/", "read; it must begin with `http://` or `https://`, and without one nothing is sent",
			sentTo("traces SERVER/x/v1/traces", "metrics SERVER/x/v1/metrics", "logs SERVER/x/v1/logs"), nil,
		},
		{all + "_TRACES_ENDPOINT", "SERVER/x", "", sentTo("traces SERVER/x", "metrics SERVER/v1/metrics", "logs SERVER/v1/logs"), nil},
		{all + "_METRICS_ENDPOINT", "SERVER/x", "", sentTo("traces SERVER/v1/traces", "metrics SERVER/x", "logs SERVER/v1/logs"), nil},
		{all + "_LOGS_ENDPOINT", "SERVER/x", "", sentTo("traces SERVER/v1/traces", "metrics SERVER/v1/metrics", "logs SERVER/x"), nil},
	}
}

// ofTheSDK are the other variables that squarewatch reads:
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
func ofTheSDK() []specified {
	without := func(signal string) func(*received) bool {
		return func(r *received) bool { return len(r.headers) == 2 && r.headers["/v1/"+signal] == nil }
	}
	short := func(r *received) bool { return r.span["url.scheme"] == "htt" }
	two := func(r *received) bool { return r.count == 2 }
	one := func(r *received) bool { return len(r.record) == 1 }
	return []specified{
		{"OTEL_SDK_DISABLED", "TRUE", "read", func(r *received) bool { return len(r.headers) == 0 }, nil},
		{"OTEL_SERVICE_NAME", "mine", "read", func(r *received) bool { return r.resource["service.name"] == "mine" }, nil},
		{"OTEL_RESOURCE_ATTRIBUTES", "team=on%20call", "read", func(r *received) bool { return r.resource["team"] == "on call" }, nil},
		{"OTEL_TRACES_EXPORTER", "none", "read: `otlp` or `none`", without("traces"), nil},
		{"OTEL_METRICS_EXPORTER", "none", "read: `otlp` or `none`; `/metrics` is always there", without("metrics"), nil},
		{"OTEL_LOGS_EXPORTER", "none", "read: `otlp` or `none`; without it `telemetry.otlp.logs` decides", without("logs"), nil},
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3", "read, for spans", short, nil},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT", "2", "read, for spans", two, nil},
		{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3", "read", short, nil},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2", "read", two, nil},
		{"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3", "read", func(r *received) bool { return r.record["one"] == "abc" }, nil},
		{"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1", "read", one, nil},
		{"OTEL_BLRP_MAX_QUEUE_SIZE", "many", "read", sdkReports("OTEL_BLRP_MAX_QUEUE_SIZE"), nil},
		{"OTEL_BLRP_EXPORT_TIMEOUT", "1m", "read", sdkReports("OTEL_BLRP_EXPORT_TIMEOUT"), nil},
		{"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1", "read", func(r *received) bool { return slices.Equal(r.records, []int{1, 1, 1}) }, nil},
		{"OTEL_METRIC_EXPORT_INTERVAL", "1m", "read", sdkReports("OTEL_METRIC_EXPORT_INTERVAL"), nil},
		{
			"OTEL_METRIC_EXPORT_TIMEOUT", "1m", "read; the default is 55 s, because 10,000 probes take many requests",
			sdkReports("OTEL_METRIC_EXPORT_TIMEOUT"), nil,
		},
	}
}

// unread are the variables that squarewatch does not read.
func unread() []string {
	return []string{
		"OTEL_LOG_LEVEL", "OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
		"OTEL_BLRP_SCHEDULE_DELAY", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_METRICS_EXEMPLAR_FILTER",
		"OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
		"OTEL_EXPORTER_OTLP_LOGS_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT",
		"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE",
	}
}

// TestTheVariablesOfTheSpecification has a row for each variable of the specification. It sets the variable, sends spans, metrics and logs,
// and checks what the collector receives, what check refuses, and what is logged. It compares the table in docs/traces.md with the rows.
func TestTheVariablesOfTheSpecification(t *testing.T) {
	rows := slices.Concat(endpoints()[:1], ofSignal("", "/v1/traces"), ofTheSDK())
	var table strings.Builder
	table.WriteString("| variable | in squarewatch |\n| --- | --- |\n")
	for _, row := range rows {
		fmt.Fprintf(&table, "| `%s` | %s |\n", row.name, row.does)
	}
	rows = append(rows, endpoints()[1:]...)
	for _, signal := range []string{"traces", "metrics", "logs"} {
		rows = append(rows, ofSignal("_"+strings.ToUpper(signal), "/v1/"+signal)...)
	}
	for _, name := range unread() {
		said := collector.IgnoredVariables(func(asked string) string { return map[bool]string{asked == name: "7"}[true] })
		does, found := strings.CutPrefix(strings.Join(said, ""), name+" is not read: ")
		if !found {
			t.Errorf("%s: want a warning that it is not read, got %q", name, said)
		}
		if !strings.HasSuffix(name, "S_INSECURE") { // of one signal
			fmt.Fprintf(&table, "| `%s` | not read: %s |\n", name, does)
		}
		rows = append(rows, specified{name, "7", "", func(r *received) bool {
			return strings.Contains(r.logged, name+" is not read: ") && len(r.headers) == 3
		}, nil})
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			variables := map[string]string{row.name: row.value}
			maps.Copy(variables, row.with)
			if r := sendWith(t, variables); !row.want(r) {
				t.Errorf("%s=%s: want the effect of its row, got %+v", row.name, row.value, r)
			}
		})
	}
	golden.CheckSection(t, "../docs/traces.md", "variables", table.String(), *update)
}
