package otel

import (
	"time"

	"squarewatch/otel/spool"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// spooled is what a spool says of itself.
type spooled interface {
	Bytes() int64
	Dropped() int64
}

var _ spooled = (*spool.Client)(nil)

// spoolSource is the metrics of what waits on disk.
type spoolSource struct {
	spool   spooled
	bytes   about
	dropped about
}

func newSpoolSource(from spooled) *spoolSource {
	return &spoolSource{
		spool:   from,
		bytes:   about{name: "squarewatch.spool.bytes", unit: "By", description: "Spans that wait on disk for the collector."},
		dropped: about{name: "squarewatch.spool.dropped", unit: "{span}", description: "Spans that were lost, as the spool was full or the collector refused them for good."},
	}
}

func (s *spoolSource) otlp(start, now time.Time, send func(*about, metricdata.Aggregation) error) error {
	err := send(&s.bytes, metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Time: now, Value: float64(s.spool.Bytes())}}})
	if err != nil {
		return err
	}
	return send(&s.dropped, metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{StartTime: start, Time: now, Value: s.spool.Dropped()}},
	})
}

func (s *spoolSource) prometheus(created *timestamppb.Timestamp, send func(*about, *dto.Metric)) {
	send(&s.bytes, &dto.Metric{Gauge: &dto.Gauge{Value: new(float64(s.spool.Bytes()))}})
	send(&s.dropped, &dto.Metric{Counter: &dto.Counter{Value: new(float64(s.spool.Dropped())), CreatedTimestamp: created}})
}
