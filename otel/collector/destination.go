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
)

// The signals, as the specification's variables name them.
const (
	SignalTraces  = "traces"
	SignalMetrics = "metrics"
	SignalLogs    = "logs"
)

// Destination is where one signal goes, and how.
type Destination struct {
	Signal   string
	URL      string // with the path of the signal when it goes over HTTP
	protocol string
	headers  map[string]string
	tls      *tls.Config   // for an encrypted endpoint
	timeout  time.Duration // of one request
}

// Destinations returns where signals go by the file and, where it says nothing, by the variables of the OpenTelemetry
// specification: OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL, _HEADERS, _TIMEOUT, _CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY,
// also for one signal (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). That of compression is read by the exporters themselves.
// OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (none) and OTEL_LOGS_EXPORTER (otlp, none) switch signals,
// whatever the file says. A signal without any endpoint is not sent; one whose destination is wrong is left out, and the
// error says why. It reads the files that are named.
func (o *OTLP) Destinations(env func(string) string) ([]Destination, error) {
	env = trimmed(env)
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	var list []Destination
	var faults []error
	signals := []string{SignalTraces, SignalMetrics}
	if o.Logs || slices.Contains(exporters(env, SignalLogs), "otlp") {
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

// Check reports what would keep signals from being sent: files that cannot be read, and what the variables say of the rest.
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
		Protocol: cmp.Or(o.Protocol, strings.ToLower(cmp.Or(env(ofSignal+"_PROTOCOL"), env(general+"_PROTOCOL"))), ProtocolGRPC),
	}
	if effective.Endpoint == "" {
		return nil, nil //nolint:nilnil // as above
	}
	if err := errors.Join(effective.validateEndpoint(), effective.validateProtocol()); err != nil {
		return nil, fmt.Errorf("%w; where the file says nothing it is taken from %s_… or %s_…", err, ofSignal, general)
	}
	u, err := url.Parse(effective.Endpoint)
	if err != nil {
		return nil, errors.New("telemetry.otlp.endpoint is no URL") // as validated above
	}
	whole := o.Endpoint == "" && env(ofSignal+"_ENDPOINT") != "" // by the specification such an address holds the path
	if effective.Protocol == ProtocolHTTP && !whole {
		u = u.JoinPath("v1", signal)
	}
	headers, err := o.headers(ofSignal, general, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signal, err)
	}
	d := &Destination{Signal: signal, URL: u.String(), protocol: effective.Protocol, headers: headers, timeout: timeout(ofSignal, general, env)}
	if u.Scheme != "https" {
		return d, nil
	}
	files := OTLP{
		CA:                cmp.Or(o.CA, env(ofSignal+"_CERTIFICATE"), env(general+"_CERTIFICATE")),
		ClientCertificate: cmp.Or(o.ClientCertificate, env(ofSignal+"_CLIENT_CERTIFICATE"), env(general+"_CLIENT_CERTIFICATE")),
		ClientKey:         cmp.Or(o.ClientKey, env(ofSignal+"_CLIENT_KEY"), env(general+"_CLIENT_KEY")),
	}
	d.tls, err = files.tls()
	return d, err
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

// timeout returns what the variables say, or the specification's 10 s.
func timeout(ofSignal, general string, env func(string) string) time.Duration {
	for _, name := range []string{ofSignal, general} {
		if d, ok := milliseconds(env(name + "_TIMEOUT")); ok {
			return d
		}
	}
	return 10 * time.Second
}

// milliseconds reads a timeout as variables have it.
func milliseconds(text string) (time.Duration, bool) {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(ms) * time.Millisecond, err == nil && ms > 0 && ms <= longest
}

// tls reads the files that are named. It trusts the system's certificates where none are.
func (o *OTLP) tls() (*tls.Config, error) {
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
			return nil, fmt.Errorf("read telemetry.otlp.client_certificate and client_key: %w; both are PEM files that squarewatch may read", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
