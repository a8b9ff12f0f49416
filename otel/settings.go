package otel

import (
	"errors"
	"net/url"
	"strings"

	"squarewatch/config/setting"
	"squarewatch/otel/collector"
)

// Settings is the settings key telemetry.
type Settings struct {
	OTLP collector.OTLP `yaml:"otlp,omitempty"`

	// TraceURL is the address of the page that shows one trace. {trace_id} stands for the identifier of the trace.
	TraceURL string `yaml:"trace_url,omitempty"`

	// KeepHealthy is the share of healthy runs whose trace is kept. Other traces are always kept.
	KeepHealthy setting.Share `yaml:"keep_healthy"`

	// Spool is how many bytes of spans may wait on disk while the collector is down. 0 means no spool.
	Spool setting.Size `yaml:"spool"`

	// ClassicBuckets says that /metrics has many classic buckets of the durations of each probe, also of their phases. It is for Prometheus
	// servers that do not scrape native histograms, and makes the page five times as large.
	ClassicBuckets bool `yaml:"classic_buckets,omitempty"`
}

// traceIDPlaceholder stands for the identifier of a trace in a trace_url.
const traceIDPlaceholder = "{trace_id}"

// DefaultSettings returns the settings of a file without the key telemetry: no collector, all traces kept, and a spool of 64 MiB.
func DefaultSettings() Settings { return Settings{KeepHealthy: 1, Spool: 64 << 20} }

// Validate returns every fault of the settings as a [setting.Invalid], joined. Defaults must have been applied.
func (s *Settings) Validate() error {
	return errors.Join(s.OTLP.Validate(), s.validateTraceURL())
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
		return invalid("does not contain " + traceIDPlaceholder)
	}
	u, err := url.Parse(strings.ReplaceAll(s.TraceURL, traceIDPlaceholder, "0"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return invalid("is not the address of a web page")
	}
	return nil
}
