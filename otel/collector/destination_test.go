package collector_test

import (
	"strings"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/otel/collector"

	"github.com/google/go-cmp/cmp"
)

// destinations returns a line for each signal that is exported.
func destinations(o collector.OTLP, env func(string) string) (lines []string, err error) {
	all, err := o.Destinations(env)
	for _, d := range all {
		lines = append(lines, d.Signal+" "+d.Protocol()+" "+d.URL)
	}
	return lines, err
}

func TestDestinations(t *testing.T) {
	const general, ofTraces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for name, c := range map[string]struct {
		file collector.OTLP
		env  map[string]string
		want []string
	}{
		"nothing": {},
		"file":    {collector.OTLP{Endpoint: "http://a:4317"}, nil, []string{"traces grpc http://a:4317", "metrics grpc http://a:4317"}},
		"variable": {
			collector.OTLP{},
			map[string]string{general: "http://b:4318"},
			[]string{"traces http/protobuf http://b:4318/v1/traces", "metrics http/protobuf http://b:4318/v1/metrics"},
		},
		"variable and protocol": {
			collector.OTLP{},
			map[string]string{general: "http://b:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
			[]string{"traces grpc http://b:4317", "metrics grpc http://b:4317"},
		},
		"file wins": {collector.OTLP{Endpoint: "http://a:4317"}, map[string]string{general: "http://b:4317", ofTraces: "http://c:4317"}, []string{
			"traces grpc http://a:4317", "metrics grpc http://a:4317",
		}},
		"one signal": {collector.OTLP{}, map[string]string{ofTraces: "http://c:4318/y"}, []string{"traces http/protobuf http://c:4318/y"}},
		"variable of a signal wins, and its path is complete": {
			collector.OTLP{},
			map[string]string{general: "http://b:4318/x", ofTraces: "http://c:4318/y", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			[]string{"traces http/protobuf http://c:4318/y", "metrics http/protobuf http://b:4318/x/v1/metrics"},
		},
		"protocol of a signal": {
			collector.OTLP{Endpoint: "http://a:4318"},
			map[string]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
			[]string{"traces http/protobuf http://a:4318/v1/traces", "metrics grpc http://a:4318"},
		},
		"file's protocol wins": {
			collector.OTLP{Protocol: "grpc"},
			map[string]string{general: "http://b:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			[]string{"traces grpc http://b:4317", "metrics grpc http://b:4317"},
		},
		"disabled": {collector.OTLP{Endpoint: "http://a:4317"}, map[string]string{"OTEL_SDK_DISABLED": "True"}, nil},
		"logs": {
			collector.OTLP{Endpoint: "http://a:4317"},
			map[string]string{"OTEL_LOGS_EXPORTER": "console, OTLP ", "OTEL_TRACES_EXPORTER": "None", "OTEL_METRICS_EXPORTER": "none"},
			[]string{"logs grpc http://a:4317"},
		},
		"spaces": {
			collector.OTLP{},
			map[string]string{general: " http://b:4318 ", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf ", "OTEL_METRICS_EXPORTER": " none"},
			[]string{"traces http/protobuf http://b:4318/v1/traces"},
		},
		"path in the file, protocol in a variable": {
			collector.OTLP{Endpoint: "http://a:4318/otlp"},
			map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "HTTP/protobuf", "OTEL_METRICS_EXPORTER": "none"},
			[]string{"traces http/protobuf http://a:4318/otlp/v1/traces"},
		},
		"no metrics": {
			collector.OTLP{Endpoint: "http://a:4317"},
			map[string]string{"OTEL_METRICS_EXPORTER": "none"},
			[]string{"traces grpc http://a:4317"},
		},
	} {
		got, err := destinations(c.file, func(name string) string { return c.env[name] })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestInvalidVariablesAreNamedAndNotRepeated(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no scheme": {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
		"password":  {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://me:hunter2@collector:4317"},
		"protocol":  {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
	} {
		_, err := destinations(collector.OTLP{}, func(name string) string { return env[name] })
		if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: want an error that names the variables and no password, got %v", name, err)
		}
	}
}

// TestSecretsDoNotLeaveOverPlainHTTP has endpoints and headers in every combination of file and variables. A signal that would show them is
// not sent.
func TestSecretsDoNotLeaveOverPlainHTTP(t *testing.T) {
	const (
		endpoint, ofTraces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		headers, insecure  = "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_INSECURE"
	)
	key := map[string]secret.Text{"Authorization": secret.New("hunter2")}
	plain, both := map[string]string{endpoint: "http://b:4317"}, []string{"traces", "metrics"}
	withKey := map[string]string{endpoint: "http://b:4317", headers: "key=hunter2"}
	insecurely := map[string]string{endpoint: "http://b:4317", headers: "key=hunter2", insecure: "true"}
	for name, c := range map[string]struct {
		file collector.OTLP
		env  map[string]string
		want []string // signals that are sent
	}{
		"headers of the file":       {collector.OTLP{Headers: key}, plain, nil},
		"headers of a variable":     {collector.OTLP{Endpoint: "http://b:4317"}, map[string]string{headers: "key=hunter2"}, nil},
		"both of variables":         {collector.OTLP{}, withKey, nil},
		"insecure changes nothing":  {collector.OTLP{}, insecurely, nil},
		"one signal":                {collector.OTLP{Headers: key}, map[string]string{endpoint: "https://b", ofTraces: "http://b"}, both[1:]},
		"this machine":              {collector.OTLP{Headers: key}, map[string]string{endpoint: "http://127.0.0.1:4317"}, both},
		"encrypted":                 {collector.OTLP{Headers: key}, map[string]string{endpoint: "https://b:4317"}, both},
		"no secret":                 {collector.OTLP{}, plain, both},
		"allowed":                   {collector.OTLP{Headers: key, AllowHTTP: true}, plain, both},
		"a certificate of the file": {collector.OTLP{CA: "/ca.pem"}, plain, nil},
	} {
		all, err := c.file.Destinations(func(name string) string { return c.env[name] })
		var got []string
		for _, d := range all {
			got = append(got, d.Signal)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if sent := len(c.want) == 2; sent == (err != nil) || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: want an error without the secret where a signal is not sent, got %v", name, err)
		}
	}
}

// TestAPortOfTheOtherProtocolIsWarnedOf has the ports of https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-default-port.
func TestAPortOfTheOtherProtocolIsWarnedOf(t *testing.T) {
	const endpoint, protocol = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL"
	for name, c := range map[string]struct {
		file collector.OTLP
		env  map[string]string
		want int
	}{
		"variable, HTTP":           {collector.OTLP{}, map[string]string{endpoint: "http://b:4318"}, 0},
		"variable, gRPC's port":    {collector.OTLP{}, map[string]string{endpoint: "http://b:4317"}, 2},
		"variables, gRPC":          {collector.OTLP{}, map[string]string{endpoint: "http://b:4317", protocol: "grpc"}, 0},
		"file, gRPC":               {collector.OTLP{Endpoint: "http://b:4317"}, nil, 0},
		"file, HTTP's port":        {collector.OTLP{Endpoint: "http://b:4318"}, nil, 2},
		"file, another port":       {collector.OTLP{Endpoint: "http://b:9999"}, nil, 0},
		"file, protocol, no fault": {collector.OTLP{Endpoint: "http://b:4318", Protocol: "http/protobuf"}, nil, 0},
	} {
		got := c.file.Mismatches(func(name string) string { return c.env[name] })
		if len(got) != c.want {
			t.Errorf("%s: want %d warnings, got %q", name, c.want, got)
		}
	}
}
