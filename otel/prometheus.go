package otel

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// newExposition returns a reader of the SDK's metrics and the page that shows all. Names are translated as the OpenTelemetry specification has it. The scope is left out of
// the labels: there is one, and its version would begin new series at every upgrade.
func newExposition(own *registry, logger *slog.Logger) (sdkmetric.Reader, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := prometheusexporter.New(
		prometheusexporter.WithRegisterer(registry),
		prometheusexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		prometheusexporter.WithoutScopeInfo(),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the metrics page: %w", err)
	}
	for _, c := range []prometheus.Collector{collectors.NewBuildInfoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return nil, nil, fmt.Errorf("prepare the metrics page: %w", err)
		}
	}
	shown := &page{others: registry, own: own, logger: slog.New(newThrottle(logger.Handler()))}
	return reader, gzhttp.GzipHandler(shown), nil
}
