package otel

import (
	"squarewatch/otel/metric"
	"squarewatch/otel/spool"
)

// addSpoolMetrics adds the metrics of spans that wait on disk and of spans that were lost. The client is nil without a spool.
func addSpoolMetrics(all *metric.Registry, client *spool.Client, before *queue) {
	bytes := &metric.Descriptor{Name: "squarewatch.spool.bytes", Unit: "By", Description: "Spans that wait on disk for the collector."}
	metric.NewGauges(all, []*metric.Descriptor{bytes}, func(observe metric.Observe) {
		if client == nil {
			observe(bytes, 0)
			return
		}
		observe(bytes, float64(client.Bytes()))
	})
	dropped := metric.Descriptor{Name: "squarewatch.spool.dropped", Unit: "{span}", Description: "Spans that were lost: the spool or the queue before it was full, the collector refused them for good, or it did not take them and there is no spool."}
	metric.NewCounterFunc(all, dropped, func() int64 {
		if client == nil {
			return before.lost.Load()
		}
		return before.lost.Load() + client.Dropped()
	})
}
