package otel

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// The signals, as the specification's variables name them.
const (
	signalTraces  = "traces"
	signalMetrics = "metrics"
	signalLogs    = "logs"
)

// destination is where one signal goes, and how.
type destination struct {
	signal   string
	url      string // with the path of the signal when it goes over HTTP
	protocol string
	headers  map[string]string // nil to leave them to the variables
	tls      *tls.Config       // nil to leave it to the variables
}

// destinations returns where signals go by the file and, where it says nothing, by the variables of the OpenTelemetry
// specification: OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (none), OTEL_LOGS_EXPORTER (otlp), OTEL_EXPORTER_OTLP_ENDPOINT and
// _PROTOCOL, also for one signal (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). A signal without any endpoint is not sent. The
// variables of headers, timeout, compression and certificates are read by the exporters themselves, and options win over them.
// It reads the files that the settings name.
func (o *OTLP) destinations(env func(string) string) ([]destination, error) {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	var list []destination
	signals := []string{signalTraces, signalMetrics}
	if o.Logs || env("OTEL_LOGS_EXPORTER") == "otlp" {
		signals = append(signals, signalLogs)
	}
	for _, signal := range signals {
		d, err := o.destination(signal, env)
		if err != nil {
			return nil, err
		}
		if d != nil {
			list = append(list, *d)
		}
	}
	return list, nil
}

// destination returns nil when the signal is not sent.
func (o *OTLP) destination(signal string, env func(string) string) (*destination, error) {
	upper := strings.ToUpper(signal)
	if env("OTEL_"+upper+"_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // nothing is sent, and nothing is wrong
	}
	ofSignal, general := "OTEL_EXPORTER_OTLP_"+upper, "OTEL_EXPORTER_OTLP"
	effective := OTLP{
		Endpoint: cmp.Or(o.Endpoint, env(ofSignal+"_ENDPOINT"), env(general+"_ENDPOINT")),
		Protocol: cmp.Or(o.Protocol, env(ofSignal+"_PROTOCOL"), env(general+"_PROTOCOL"), ProtocolGRPC),
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
	d := &destination{signal: signal, url: u.String(), protocol: effective.Protocol, headers: o.headers()}
	d.tls, err = o.tls()
	return d, err
}

func (o *OTLP) headers() map[string]string {
	if len(o.Headers) == 0 {
		return nil
	}
	headers := make(map[string]string, len(o.Headers))
	for name, value := range o.Headers {
		headers[name] = value.Reveal()
	}
	return headers
}

// tls returns nil when the file names no certificates.
func (o *OTLP) tls() (*tls.Config, error) {
	if o.CA == "" && o.ClientCertificate == "" {
		return nil, nil //nolint:nilnil // nothing is set, and nothing is wrong
	}
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
