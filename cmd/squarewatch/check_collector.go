package main

import (
	"errors"

	"squarewatch/otel/collector"
)

// collectorFault says why a collector did not accept an empty request. A store of traces alone, for example Jaeger, has no service for
// metrics. That is not a failure, because metrics are at /metrics as well.
func collectorFault(what, signal string, err error) liveCheck {
	if signal == collector.SignalMetrics && errors.Is(err, collector.ErrNoService) {
		return works(what, "accepts no metrics, like Jaeger; they are at /metrics, and OTEL_METRICS_EXPORTER=none stops sending them")
	}
	return fails(what, err.Error())
}
