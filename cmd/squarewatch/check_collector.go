package main

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"squarewatch/otel/collector"
)

// collectorFault says why a collector did not accept an empty request. A store of traces alone, such as Jaeger, has no service for metrics,
// which is not a failure: metrics are at /metrics as well.
func collectorFault(what, signal string, err error) liveCheck {
	if signal == collector.SignalMetrics && status.Code(err) == codes.Unimplemented {
		return works(what, "takes no metrics, as Jaeger does; they are at /metrics, and OTEL_METRICS_EXPORTER=none stops sending them")
	}
	return fails(what, err.Error())
}
