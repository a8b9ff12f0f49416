package statuspage

import (
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

const (
	// A run as expected is slow when it took longer than slowFactor times the median of its strip, and longer than the median by slowMargin.
	slowFactor = 3
	slowMargin = 50 * time.Millisecond
)

// marked returns cells with what a strip shows beside their runs: which were slow, which were silenced, and where a configuration
// came into force. length is that of a part of a period; 0 for single runs.
func marked(s *Snapshot, p *probe.Probe, cells []Cell, length time.Duration) []Cell {
	list := slices.Clone(cells)
	usual := percentile(cells, 0.5)
	silences := silencesOf(s, p)
	for i := range list {
		c := &list[i]
		if c.Kind == CellGood && c.Latency/slowFactor > usual && c.Latency > usual+slowMargin {
			c.Kind = CellSlow
		}
		end := c.At.Add(length)
		c.Silenced = slices.ContainsFunc(silences, func(s *alert.Silence) bool { return !s.From.After(end) && s.End().After(c.At) })
		begin := c.At
		if length == 0 && i > 0 {
			begin = list[i-1].At
		}
		c.Reloaded = slices.ContainsFunc(s.Loads, func(at time.Time) bool { return at.After(begin) && !at.After(end) })
	}
	return list
}

// silencesOf returns the silences and the maintenance that mute a rule for a probe at some time.
func silencesOf(s *Snapshot, p *probe.Probe) []*alert.Silence {
	series := alert.Incident{Rule: alert.NoDataRule, Per: alert.PerProbe, Series: p.Name}
	var list []*alert.Silence
	for i := range s.Silences {
		silence := &s.Silences[i]
		mutes := silence.Mutes(&series) || slices.ContainsFunc(s.Rules, func(r alert.Rule) bool {
			return r.Per == alert.PerProbe && r.Watches(p.Name) && silence.Mutes(&alert.Incident{Rule: r.Name, Per: r.Per, Series: p.Name})
		})
		if mutes {
			list = append(list, silence)
		}
	}
	return list
}
