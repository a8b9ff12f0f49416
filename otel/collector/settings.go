package collector

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"squarewatch/config/secret"
	"squarewatch/config/setting"

	"golang.org/x/net/http/httpguts"
)

// OTLP is the settings key telemetry.otlp. It says which collector receives spans, metrics and logs. An empty field is taken from the
// OTEL_EXPORTER_OTLP_* variables; see [OTLP.Destinations]. Without an endpoint nothing is sent, and metrics are only at /metrics.
type OTLP struct {
	Endpoint          string                 `yaml:"endpoint,omitempty"`                  // http://host:port, or https
	Protocol          string                 `yaml:"protocol,omitempty"`                  // grpc or http/protobuf
	Headers           map[string]secret.Text `yaml:"headers,omitempty" secret:"optional"` // sent with every request
	Logs              bool                   `yaml:"logs,omitempty"`                      // also send log lines to the collector
	CA                string                 `yaml:"ca,omitempty"`                        // PEM file of trusted certificates, not the system's
	ClientCertificate string                 `yaml:"client_certificate,omitempty"`        // PEM file that is presented to the collector
	ClientKey         string                 `yaml:"client_key,omitempty"`                // PEM file of the client certificate's key

	AllowHTTP bool `yaml:"-"` // allow_http of the file: headers may go to another machine without encryption
}

// Equal reports whether two settings are the same.
func (o *OTLP) Equal(other *OTLP) bool {
	return o.Endpoint == other.Endpoint && o.Protocol == other.Protocol && o.CA == other.CA &&
		o.ClientCertificate == other.ClientCertificate && o.ClientKey == other.ClientKey && o.Logs == other.Logs &&
		maps.EqualFunc(o.Headers, other.Headers, secret.Text.Equal)
}

// The protocols of OTLP, with the names of the specification
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specify-protocol).
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http/protobuf"
)

// Validate returns every fault of the settings as a [setting.Invalid], joined. Defaults must have been applied.
func (o *OTLP) Validate() error {
	return errors.Join(o.validateEndpoint(), o.validateProtocol(), o.validateHeaders(), o.validateFiles())
}

// ShowsSecretsAt returns the endpoint if headers, which usually hold a key, would go to it without encryption.
func (o *OTLP) ShowsSecretsAt() []string {
	if len(o.Headers) > 0 && setting.ShowsSecrets(o.Endpoint) {
		return []string{"otlp.endpoint"}
	}
	return nil
}

// validateEndpoint does not repeat the address in its errors, because the address may hold a password.
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
		return invalid("is not a URL", example)
	case u.User != nil:
		return invalid("holds a user name or a password", "leave them out, because the address is logged")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return invalid("is not an http or https address", example)
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

// validateHeaders does not repeat values in its errors, because they may be secret.
func (o *OTLP) validateHeaders() error {
	var faults []error
	for name, value := range o.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			faults = append(faults, &setting.Invalid{
				Field: "otlp.headers", Problem: fmt.Sprintf("has %q, whose name or value is not valid in a request", name),
				Fix: "write letters, digits and dashes in the name, and one line as its value",
			})
		}
	}
	return errors.Join(faults...)
}

func (o *OTLP) validateFiles() error {
	switch {
	case (o.ClientCertificate == "") != (o.ClientKey == ""):
		return &setting.Invalid{
			Field: "otlp.client_certificate", Problem: "and client_key belong together, and one is missing", Fix: "name both files",
		}
	case strings.HasPrefix(o.Endpoint, "http:") && (o.CA != "" || o.ClientCertificate != ""):
		return &setting.Invalid{
			Field: "otlp.endpoint", Problem: "is not encrypted, but certificates are set", Fix: "write https, or leave the certificates out",
		}
	}
	return nil
}
