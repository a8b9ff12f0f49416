package otel

import (
	"sync/atomic"

	"squarewatch/otel/metric"
)

// StateStatus is the status of what a restart keeps.
type StateStatus struct {
	Database int64 // size of the database file in bytes, as last read
	WAL      int64 // size of its write-ahead log in bytes, as last read
	Dropped  int64 // runs and missed runs that were lost because memory was full while the disk failed
	Written  bool  // everything is written
}

// stateGauges holds the source of the gauges of the state; nil without a state_dir.
type stateGauges struct {
	source                            atomic.Pointer[func() StateStatus]
	written, database, wal, discarded metric.Descriptor
}

func newStateGauges(registry *metric.Registry) *stateGauges {
	g := &stateGauges{
		written: metric.Descriptor{
			Name: "squarewatch.state.written", Description: "1 while everything that a restart needs is written, else 0.",
		},
		database: metric.Descriptor{Name: "squarewatch.state.database", Unit: "By", Description: "Size of the database in state_dir."},
		wal:      metric.Descriptor{Name: "squarewatch.state.wal", Unit: "By", Description: "Size of the write-ahead log of the database."},
		discarded: metric.Descriptor{
			Name: "squarewatch.state.dropped", Unit: "{run}",
			Description: "Runs since the start that are missing in the history because the disk failed.",
		},
	}
	metric.NewGauges(registry, []*metric.Descriptor{&g.written, &g.database, &g.wal, &g.discarded}, g.read)
	return g
}

func (g *stateGauges) read(observe metric.Observe) {
	source := g.source.Load()
	if source == nil {
		return
	}
	status := (*source)()
	observe(&g.written, flag(status.Written))
	observe(&g.database, float64(status.Database))
	observe(&g.wal, float64(status.WAL))
	observe(&g.discarded, float64(status.Dropped))
}

// SetStateSource sets the function that returns the status of the state. It is called at each export, possibly by several goroutines at
// the same time, and must not wait for the disk.
func (r *Recorder) SetStateSource(source func() StateStatus) { r.state.source.Store(&source) }
