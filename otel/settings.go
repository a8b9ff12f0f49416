package otel

import (
	"errors"
	"net/url"
	"strings"

	"squarewatch/alert"
	"squarewatch/otel/collector"
	"squarewatch/probe"
)

// Settings say where telemetry goes. The tags are its keys in the configuration file.
type Settings struct {
	OTLP     collector.OTLP `yaml:"otlp,omitempty"`
	TraceURL string         `yaml:"trace_url,omitempty"` // page of one trace for people; {trace_id} stands for its identifier

	// KeepHealthy is the share of healthy runs whose trace is kept; those of others always are.
	KeepHealthy alert.Share `yaml:"keep_healthy"`

	// Spool is how many bytes of spans wait on disk while the collector is away; 0 for none.
	Spool Size `yaml:"spool"`
}

// traceIDPlaceholder is what stands for the identifier in a trace_url.
const traceIDPlaceholder = "{trace_id}"

// DefaultSettings returns the settings of a file that has none: no collector, every trace kept, and 64 MiB of them on disk while it is away.
func DefaultSettings() Settings { return Settings{KeepHealthy: 1, Spool: 64 << 20} }

// Validate reports every fault of the settings as [probe.Invalid], joined. Defaults must have been applied.
func (s *Settings) Validate() error {
	return errors.Join(s.OTLP.Validate(), s.validateTraceURL())
}

func (s *Settings) validateTraceURL() error {
	if s.TraceURL == "" {
		return nil
	}
	invalid := func(problem string) error {
		return &probe.Invalid{
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
