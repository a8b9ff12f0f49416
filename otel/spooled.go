package otel

import (
	"time"

	"squarewatch/otel/spool"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// spoolSource is the metrics of spans that wait and of those that were lost on their way to the collector.
type spoolSource struct {
	spool   *spool.Client // nil for none
	queue   *queue
	bytes   about
	dropped about
}

func newSpoolSource(waiting *spool.Client, before *queue) *spoolSource {
	return &spoolSource{
		spool: waiting, queue: before,
		bytes:   about{name: "squarewatch.spool.bytes", unit: "By", description: "Spans that wait on disk for the collector."},
		dropped: about{name: "squarewatch.spool.dropped", unit: "{span}", description: "Spans that were lost: the spool or the queue before it was full, the collector refused them for good, or it did not take them and there is no spool."},
	}
}

func (s *spoolSource) read() (bytes float64, dropped int64) {
	dropped = s.queue.lost.Load()
	if s.spool == nil {
		return 0, dropped
	}
	return float64(s.spool.Bytes()), dropped + s.spool.Dropped()
}

func (s *spoolSource) otlp(start, now time.Time, send func(*about, metricdata.Aggregation) error) error {
	bytes, dropped := s.read()
	err := send(&s.bytes, metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Time: now, Value: bytes}}})
	if err != nil {
		return err
	}
	return send(&s.dropped, metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{StartTime: start, Time: now, Value: dropped}},
	})
}

func (s *spoolSource) prometheus(start time.Time, send func(*about, *dto.Metric)) {
	bytes, dropped := s.read()
	send(&s.bytes, &dto.Metric{Gauge: &dto.Gauge{Value: new(bytes)}})
	send(&s.dropped, &dto.Metric{Counter: &dto.Counter{Value: new(float64(dropped)), CreatedTimestamp: timestamppb.New(start)}})
}
