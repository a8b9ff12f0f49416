package collector

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Ask sends an empty request for traces or metrics to the collector and returns why it was not accepted. The exporter of metrics repeats it
// within ctx. The exporter of logs sends no empty requests, so that a destination of logs must not be asked.
func (d *Destination) Ask(ctx context.Context) error {
	var err error
	if d.Signal == SignalMetrics {
		exporter, fault := d.MetricExporter(ctx)
		if fault != nil {
			return fault
		}
		err = errors.Join(exporter.Export(ctx, &metricdata.ResourceMetrics{}), exporter.Shutdown(ctx))
	} else {
		client := d.TraceClient(false)
		if err = client.Start(ctx); err == nil {
			err = errors.Join(client.UploadTraces(ctx, nil), client.Stop(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("ask the collector at %s: %w", d.URL, err)
	}
	return nil
}
