package statuspage

import (
	"math"
	"slices"
	"time"

	"squarewatch/probe"
)

// CellKind is what a cell of a strip shows.
type CellKind string

// The kinds of cells.
const (
	CellGood    CellKind = "good"
	CellSlow    CellKind = "slow"    // as expected, but much slower than usual
	CellRefused CellKind = "refused" // an expected refusal
	CellBad     CellKind = "bad"
	CellMissed  CellKind = "missed"
	CellNone    CellKind = "none" // no run in a part of a period
)

// Cell stands for one run, for consecutive missed runs, or for a part of a period. A part shows its worst kind of run and the share of it.
type Cell struct {
	Kind       CellKind         `json:"kind"`
	At         time.Time        `json:"at"` // the beginning, for a part
	Code       int              `json:"code,omitempty"`
	Class      probe.Class      `json:"class,omitempty"`
	Latency    time.Duration    `json:"latency_ns,omitempty"` // the mean, for a part
	Missed     probe.MissReason `json:"missed,omitempty"`
	MissedRuns int32            `json:"missed_runs,omitempty"`
	Runs       int32            `json:"runs,omitempty"` // in a part, like Bad
	Bad        int32            `json:"bad,omitempty"`
	Silenced   bool             `json:"silenced,omitempty"` // by a person or by maintenance
	Reloaded   bool             `json:"reloaded,omitempty"` // squarewatch started or reloaded just before this run, or in this part
}

// Cells are the cells of a probe's newest runs and missed runs, oldest first, each in 24 bytes: a strip has 60 of them, and there may be
// 10,000 probes. Latencies are whole microseconds, up to 71 minutes.
type Cells []packed

// packed is a cell that stands for one run or for missed runs.
type packed struct {
	at      int64 // Unix time in nanoseconds
	latency uint32
	runs    int32 // number of missed runs
	code    uint16
	class   probe.Class
	kind    uint8 // index in packedKinds
	reason  uint8 // index in packedReasons
}

func packedKinds() []CellKind { return []CellKind{CellGood, CellRefused, CellBad, CellMissed} }

// packedReasons are the reasons for missed runs. The first is empty, for cells of runs. An unknown reason is packed as the empty one.
func packedReasons() []probe.MissReason {
	return []probe.MissReason{"", probe.MissOverrun, probe.MissLimit, probe.MissGap, probe.MissShutdown, probe.MissPanic}
}

// PackCells packs cells of runs and of missed runs.
func PackCells(cells []Cell) Cells {
	list := make(Cells, 0, len(cells))
	for i := range cells {
		list = append(list, pack(&cells[i]))
	}
	return list
}

func pack(c *Cell) packed {
	return packed{
		at: c.At.UnixNano(), latency: uint32(min(max(c.Latency.Microseconds(), 0), math.MaxUint32)), runs: c.MissedRuns,
		code: uint16(min(max(c.Code, 0), math.MaxUint16)), class: c.Class, kind: uint8(max(slices.Index(packedKinds(), c.Kind), 0)),
		reason: uint8(max(slices.Index(packedReasons(), c.Missed), 0)),
	}
}

// All returns the cells.
func (c Cells) All() []Cell {
	list := make([]Cell, len(c))
	for i := range c {
		list[i] = c[i].unpack()
	}
	return list
}

// newest returns the newest cell, or the zero cell when there is none.
func (c Cells) newest() Cell {
	if len(c) == 0 {
		return Cell{}
	}
	return c[len(c)-1].unpack()
}

func (p *packed) unpack() Cell {
	return Cell{
		Kind: packedKinds()[p.kind], At: time.Unix(0, p.at), Code: int(p.code), Class: p.class,
		Latency: time.Duration(p.latency) * time.Microsecond, Missed: packedReasons()[p.reason], MissedRuns: p.runs,
	}
}
