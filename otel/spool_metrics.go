package otel

import (
	"squarewatch/otel/metric"
	"squarewatch/otel/spool"
)

// addSpoolMetrics adds the metrics of spans that wait on disk and of spans that were lost. The client is nil without a spool.
func addSpoolMetrics(registry *metric.Registry, client *spool.Client, queue *spanQueue) {
	bytes := &metric.Descriptor{
		Name: "squarewatch.spool.bytes", Unit: "By", Description: "Size of the spans that wait on disk for the collector.",
	}
	metric.NewGauges(registry, []*metric.Descriptor{bytes}, func(observe metric.Observe) {
		if client == nil {
			observe(bytes, 0)
			return
		}
		observe(bytes, float64(client.Bytes()))
	})
	dropped := metric.Descriptor{
		Name: "squarewatch.spool.dropped", Unit: "{span}",
		Description: "Spans that were lost: the spool or the queue in memory was full, the collector rejected them, " +
			"or they could not be sent and there is no spool.",
	}
	metric.NewCounterFunc(registry, dropped, func() int64 {
		if client == nil {
			return queue.dropped.Load()
		}
		return queue.dropped.Load() + client.Dropped()
	})
}
