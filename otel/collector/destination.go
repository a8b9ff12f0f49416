package collector

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/config/setting"
)

// The signals, with their names in the specification's variables.
const (
	SignalTraces  = "traces"
	SignalMetrics = "metrics"
	SignalLogs    = "logs"
)

// defaultTimeout is the specification's timeout of one export
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options).
const defaultTimeout = 10 * time.Second

// Destination says where and how one signal is sent.
type Destination struct {
	Signal   string
	URL      string // with the path of the signal when the protocol is HTTP
	protocol string
	headers  map[string]string
	tls      *tls.Config   // nil for an endpoint without encryption
	timeout  time.Duration // of one request
}

// Destinations returns where each signal is sent. A value comes from the file or, if the file has none, from the variables of the
// OpenTelemetry specification (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL,
// _HEADERS, _TIMEOUT, _CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY. Each also exists for one signal, for example
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. The exporters read _COMPRESSION themselves.
//
// OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (none) and OTEL_LOGS_EXPORTER (otlp, none) switch whole signals,
// whatever the file says. A signal without an endpoint is not sent. A signal with a wrong setting is left out, and the error says why.
// Destinations reads the certificate files.
func (o *OTLP) Destinations(env func(string) string) ([]Destination, error) {
	env = trimmed(env)
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	var list []Destination
	var faults []error
	signals := []string{SignalTraces, SignalMetrics}
	if o.Logs || slices.Contains(exporterNames(env, SignalLogs), "otlp") {
		signals = append(signals, SignalLogs)
	}
	for _, signal := range signals {
		d, err := o.destination(signal, env)
		if err != nil {
			faults = append(faults, err)
		} else if d != nil {
			list = append(list, *d)
		}
	}
	return list, errors.Join(faults...)
}

// defaultProtocol returns the protocol where neither the file nor a variable names one. For an endpoint of a variable it is that of the
// specification (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specify-protocol); for one of the file it is gRPC.
func defaultProtocol(o *OTLP) string {
	if o.Endpoint == "" {
		return ProtocolHTTP
	}
	return ProtocolGRPC
}

// The ports that OTLP registered for its protocols (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-default-port).
const (
	portGRPC = "4317"
	portHTTP = "4318"
)

// Mismatches returns a sentence about each signal whose port is the default of the other protocol.
func (o *OTLP) Mismatches(env func(string) string) (warnings []string) {
	all, _ := o.Destinations(env) // Check reports the error
	for _, d := range all {
		u, err := url.Parse(d.URL)
		if err != nil {
			continue
		}
		for port, protocol := range map[string]string{portGRPC: ProtocolGRPC, portHTTP: ProtocolHTTP} {
			if u.Port() == port && d.protocol != protocol {
				warnings = append(warnings, fmt.Sprintf("%s are sent by %s to port %s, which is usually for %s; write the protocol in telemetry.otlp, "+
					"or set OTEL_EXPORTER_OTLP_PROTOCOL", d.Signal, d.protocol, port, protocol))
			}
		}
	}
	return warnings
}

// Check returns why signals would not be sent: files that cannot be read, and wrong values of variables.
func (o *OTLP) Check(env func(string) string) error {
	_, err := o.Destinations(env)
	return err
}

// destination returns nil when the signal is not sent.
func (o *OTLP) destination(signal string, env func(string) string) (*Destination, error) {
	upper := strings.ToUpper(signal)
	if strings.EqualFold(env("OTEL_"+upper+"_EXPORTER"), "none") {
		return nil, nil //nolint:nilnil // nothing is sent, and nothing is wrong
	}
	ofSignal, general := "OTEL_EXPORTER_OTLP_"+upper, "OTEL_EXPORTER_OTLP"
	effective := OTLP{
		Endpoint: cmp.Or(o.Endpoint, env(ofSignal+"_ENDPOINT"), env(general+"_ENDPOINT")),
		Protocol: cmp.Or(o.Protocol, strings.ToLower(cmp.Or(env(ofSignal+"_PROTOCOL"), env(general+"_PROTOCOL"))), defaultProtocol(o)),
	}
	if effective.Endpoint == "" {
		return nil, nil //nolint:nilnil // nothing is sent, and nothing is wrong
	}
	if err := errors.Join(effective.validateEndpoint(), effective.validateProtocol()); err != nil {
		return nil, fmt.Errorf("%w; a value that the file does not set is taken from %s_… or %s_…", err, ofSignal, general)
	}
	u, err := url.Parse(effective.Endpoint)
	if err != nil {
		return nil, errors.New("telemetry.otlp.endpoint is not a URL") // cannot happen: validateEndpoint has parsed it
	}
	// An endpoint variable of one signal already holds the path, as the specification says.
	complete := o.Endpoint == "" && env(ofSignal+"_ENDPOINT") != ""
	if effective.Protocol == ProtocolHTTP && !complete {
		u = u.JoinPath("v1", signal)
	}
	headers, err := o.headers(ofSignal, general, env)
	if err = cmp.Or(err, o.plainFault(effective.Endpoint, headers)); err != nil {
		return nil, fmt.Errorf("%s: %w", signal, err)
	}
	d := &Destination{
		Signal: signal, URL: u.String(), protocol: effective.Protocol, headers: headers, timeout: requestTimeout(ofSignal, general, env),
	}
	if u.Scheme != "https" {
		return d, nil
	}
	files := OTLP{
		CA:                cmp.Or(o.CA, env(ofSignal+"_CERTIFICATE"), env(general+"_CERTIFICATE")),
		ClientCertificate: cmp.Or(o.ClientCertificate, env(ofSignal+"_CLIENT_CERTIFICATE"), env(general+"_CLIENT_CERTIFICATE")),
		ClientKey:         cmp.Or(o.ClientKey, env(ofSignal+"_CLIENT_KEY"), env(general+"_CLIENT_KEY")),
	}
	d.tls, err = files.tlsConfig()
	return d, err
}

// plainFault returns why an endpoint without encryption must not be used: headers, which usually hold a key, would be shown to the network,
// or the file asks for certificates. [OTLP.Validate] does not see endpoints and headers of variables.
func (o *OTLP) plainFault(endpoint string, headers map[string]string) error {
	switch {
	case !strings.HasPrefix(strings.ToLower(endpoint), "http:"):
	case o.CA != "" || o.ClientCertificate != "":
		return errors.New("the endpoint is not encrypted, but telemetry.otlp has certificates; use https, or leave the certificates out")
	case len(headers) > 0 && setting.ShowsSecrets(endpoint) && !o.AllowHTTP:
		return errors.New("the endpoint is not encrypted, so that headers would be shown to the network; " +
			"use https, leave the headers out, or set allow_http: true")
	}
	return nil
}

func (o *OTLP) headers(ofSignal, general string, env func(string) string) (map[string]string, error) {
	headers := make(map[string]string, len(o.Headers))
	for name, value := range o.Headers {
		headers[name] = value.Reveal()
	}
	variable := general + "_HEADERS"
	if env(ofSignal+"_HEADERS") != "" {
		variable = ofSignal + "_HEADERS"
	}
	if len(headers) > 0 || env(variable) == "" {
		return headers, nil
	}
	headers, err := parseHeaders(env(variable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return headers, nil
}

func requestTimeout(ofSignal, general string, env func(string) string) time.Duration {
	for _, name := range []string{ofSignal, general} {
		if d, ok := parseMilliseconds(env(name + "_TIMEOUT")); ok {
			return d
		}
	}
	return defaultTimeout
}

// endless is the timeout that stands for 0, which means no timeout
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#timeout).
const endless = math.MaxInt32 * time.Millisecond

// parseMilliseconds parses a timeout variable. It returns false if the text is not a number of milliseconds.
func parseMilliseconds(text string) (time.Duration, bool) {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	ms, err := strconv.ParseInt(text, 10, 64)
	if ms == 0 {
		return endless, err == nil
	}
	return time.Duration(ms) * time.Millisecond, err == nil && ms > 0 && ms <= longest
}

// tlsConfig reads the certificate files. It trusts the system's certificates if no CA is set.
func (o *OTLP) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read telemetry.otlp.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("telemetry.otlp.ca: %s holds no certificate: it must be a PEM file", o.CA)
		}
	}
	if o.ClientCertificate != "" {
		pair, err := tls.LoadX509KeyPair(o.ClientCertificate, o.ClientKey)
		if err != nil {
			return nil, fmt.Errorf(
				"read telemetry.otlp.client_certificate and client_key: %w; both must be PEM files that squarewatch may read", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
