package main

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"squarewatch/otel/collector"
)

func TestAStoreOfTracesAloneIsNoFailure(t *testing.T) {
	unknown := fmt.Errorf("ask the collector: %w", status.Error(codes.Unimplemented, "unknown service"))
	rows := []struct {
		signal string
		err    error
		works  bool
	}{
		{signal: collector.SignalMetrics, err: unknown, works: true},
		{signal: collector.SignalTraces, err: unknown},
		{signal: collector.SignalMetrics, err: fmt.Errorf("ask the collector: %w", status.Error(codes.Unavailable, "refused"))},
	}
	for _, row := range rows {
		if got := collectorFault("collector for "+row.signal, row.signal, row.err); *got.Works != row.works || got.Says == "" {
			t.Errorf("%s, %v: want works %t, got %t and %q", row.signal, row.err, row.works, *got.Works, got.Says)
		}
	}
}
