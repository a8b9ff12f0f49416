package otel

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"squarewatch/config/secret"

	"golang.org/x/net/http/httpguts"

	"squarewatch/config/setting"
)

// Settings say where telemetry goes. The tags are its keys in the configuration file.
type Settings struct {
	OTLP     OTLP   `yaml:"otlp,omitempty"`
	TraceURL string `yaml:"trace_url,omitempty"` // page of one trace for people; {trace_id} stands for its identifier

	// KeepHealthy is the share of healthy runs whose trace is kept; those of others always are.
	KeepHealthy setting.Share `yaml:"keep_healthy"`

	// Spool is how many bytes of spans wait on disk while the collector is away; 0 for none.
	Spool setting.Size `yaml:"spool"`
}

// OTLP says which collector takes spans and metrics. What it leaves open, the OTEL_EXPORTER_OTLP_* variables may say; see
// [Destinations]. Without an endpoint nothing is sent; metrics are at /metrics all the same.
type OTLP struct {
	Endpoint          string                 `yaml:"endpoint,omitempty"`                  // http://host:port, or https
	Protocol          string                 `yaml:"protocol,omitempty"`                  // grpc or http/protobuf
	Headers           map[string]secret.Text `yaml:"headers,omitempty" secret:"optional"` // sent with every request
	Logs              bool                   `yaml:"logs,omitempty"`                      // what is logged goes to the collector too
	CA                string                 `yaml:"ca,omitempty"`                        // PEM file of certificates to trust instead of the system's
	ClientCertificate string                 `yaml:"client_certificate,omitempty"`        // PEM file, shown to the collector
	ClientKey         string                 `yaml:"client_key,omitempty"`                // PEM file that belongs to it
}

// Equal reports whether two settings are the same.
func (o *OTLP) Equal(other *OTLP) bool {
	return o.Endpoint == other.Endpoint && o.Protocol == other.Protocol && o.CA == other.CA &&
		o.ClientCertificate == other.ClientCertificate && o.ClientKey == other.ClientKey && o.Logs == other.Logs &&
		maps.EqualFunc(o.Headers, other.Headers, secret.Text.Equal)
}

// The protocols of OTLP, by the names that the OpenTelemetry specification gives them.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http/protobuf"
)

// traceIDPlaceholder is what stands for the identifier in a trace_url.
const traceIDPlaceholder = "{trace_id}"

// DefaultSettings returns the settings of a file that has none: no collector, every trace kept, and 64 MiB of them on disk while it is away.
func DefaultSettings() Settings { return Settings{KeepHealthy: 1, Spool: 64 << 20} }

// Validate reports every fault of the settings as [setting.Invalid], joined. Defaults must have been applied.
func (s *Settings) Validate() error {
	return errors.Join(s.OTLP.validateEndpoint(), s.OTLP.validateProtocol(), s.OTLP.validateHeaders(), s.OTLP.validateFiles(), s.validateTraceURL())
}

// validateEndpoint never repeats an address that may hold a password.
func (o *OTLP) validateEndpoint() error {
	if o.Endpoint == "" {
		return nil
	}
	invalid := func(problem, fix string) error {
		return &setting.Invalid{Field: "otlp.endpoint", Problem: problem, Fix: fix}
	}
	const example = "write the collector's address, for example http://127.0.0.1:4317"
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil:
		return invalid("is no URL", example)
	case u.User != nil:
		return invalid("holds a user or a password", "leave them out: the address appears in logs")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return invalid("is no http or https address", example)
	case u.RawQuery != "" || u.Fragment != "":
		return invalid("has a query or a fragment", example)
	case o.Protocol == ProtocolGRPC && strings.Trim(u.Path, "/") != "":
		return invalid("has a path, which gRPC cannot use", "leave the path out, or set protocol: http/protobuf")
	}
	return nil
}

func (o *OTLP) validateProtocol() error {
	if o.Protocol == "" || o.Protocol == ProtocolGRPC || o.Protocol == ProtocolHTTP {
		return nil
	}
	return &setting.Invalid{
		Field: "otlp.protocol", Problem: fmt.Sprintf("is %q", o.Protocol),
		Fix: "write grpc (port 4317) or http/protobuf (port 4318)",
	}
}

// validateHeaders never repeats a value.
func (o *OTLP) validateHeaders() error {
	var faults []error
	for name, value := range o.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			faults = append(faults, &setting.Invalid{
				Field: "otlp.headers", Problem: fmt.Sprintf("has %q, whose name or value no request can carry", name), Fix: "write letters, digits and dashes in the name, and one line as its value",
			})
		}
	}
	return errors.Join(faults...)
}

func (o *OTLP) validateFiles() error {
	switch {
	case (o.ClientCertificate == "") != (o.ClientKey == ""):
		return &setting.Invalid{Field: "otlp.client_certificate", Problem: "and client_key belong together, and one is missing", Fix: "name both files"}
	case strings.HasPrefix(o.Endpoint, "http:") && (o.CA != "" || o.ClientCertificate != ""):
		return &setting.Invalid{Field: "otlp.endpoint", Problem: "is not encrypted, while certificates are named", Fix: "write https, or leave the certificates out"}
	}
	return nil
}

func (s *Settings) validateTraceURL() error {
	if s.TraceURL == "" {
		return nil
	}
	invalid := func(problem string) error {
		return &setting.Invalid{
			Field: "trace_url", Problem: problem,
			Fix: "write the address of a trace's page, for example http://127.0.0.1:16686/trace/{trace_id}",
		}
	}
	if !strings.Contains(s.TraceURL, traceIDPlaceholder) {
		return invalid("holds no " + traceIDPlaceholder)
	}
	u, err := url.Parse(strings.ReplaceAll(s.TraceURL, traceIDPlaceholder, "0"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return invalid("is no address of a web page")
	}
	return nil
}
