package statuspage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"
)

// stripPeriods are the times that the strips of the home page can show in parts.
func stripPeriods() []period {
	return []period{
		{"1h", time.Hour, time.Minute},
		{"24h", 24 * time.Hour, time.Hour},
		{"7d", 7 * 24 * time.Hour, 3 * time.Hour},
	}
}

// Periods returns the names of the times that strips can show in parts.
func (*Filter) Periods() []string {
	var names []string
	for _, p := range stripPeriods() {
		names = append(names, p.name)
	}
	return names
}

// partsOf returns the parts of a period that ends now: the worst of the runs and missed runs of each, with its share.
func partsOf(shown period, now time.Time, buckets []history.Bucket, misses []probe.Miss) []Cell {
	begin := shown.begin(now)
	cells := make([]Cell, shown.length/shown.part)
	at := begin
	for i := range cells {
		cells[i], at = Cell{Kind: CellNone, At: at}, at.Add(shown.part)
	}
	of := func(at time.Time) *Cell {
		if i := int(at.Sub(begin) / shown.part); !at.Before(begin) && i < len(cells) {
			return &cells[i]
		}
		return nil
	}
	for i := range misses {
		if c := of(misses[i].Intended); c != nil {
			c.Kind, c.Missed = CellMissed, misses[i].Reason
			c.MissedRuns += number(misses[i].Count)
		}
	}
	for i := range buckets {
		b := &buckets[i]
		c := of(b.Begin)
		if c == nil {
			continue
		}
		c.Runs, c.Bad, c.Latency = number(b.Runs), number(b.Bad), b.Mean
		switch {
		case b.Bad > 0:
			c.Kind = CellBad
		case c.Kind == CellMissed:
		case b.Refused == b.Runs:
			c.Kind = CellRefused
		default:
			c.Kind = CellGood
		}
	}
	return cells
}

// begin returns when the first part of the period begins. The last part is the part that contains now.
func (p period) begin(now time.Time) time.Time {
	last := time.UnixMicro(now.UnixMicro() / p.part.Microseconds() * p.part.Microseconds()).UTC()
	return last.Add(p.part - p.length)
}

// partsInWords says what the parts of a period show.
func partsInWords(cells []Cell) string {
	var runs, bad, missed, empty int
	worst := &Cell{}
	for i := range cells {
		c := &cells[i]
		runs, bad, missed = runs+int(c.Runs), bad+int(c.Bad), missed+int(c.MissedRuns)
		if c.Kind == CellNone {
			empty++
		}
		if int64(c.Bad)*int64(max(worst.Runs, 1)) > int64(worst.Bad)*int64(c.Runs) {
			worst = c
		}
	}
	text := fmt.Sprintf("%d of %s bad, %d missed%s", bad, count(runs, "run", "runs"), missed, because(cells))
	if worst.Bad > 0 {
		text += fmt.Sprintf("; worst from %s: %d of %d bad", worst.At.UTC().Format("2 Jan 15:04"), worst.Bad, worst.Runs)
	}
	if empty > 0 {
		text += fmt.Sprintf("; no run in %d of %d parts", empty, len(cells))
	}
	return text
}

// showPeriod makes the strips show a period.
func (h *Home) showPeriod(s *Snapshot, shown period, read stored) {
	misses := map[string][]probe.Miss{}
	for _, m := range read.misses {
		misses[m.Probe] = append(misses[m.Probe], m)
	}
	for _, rows := range [][]Row{h.Rows, h.Healthy} {
		for i := range rows {
			r := &rows[i]
			r.period = shown.name
			r.Cells = marked(s, r.settings, partsOf(shown, s.Now, read.buckets[r.Probe], misses[r.Probe]), shown.part)
		}
	}
}

// probes returns the names of the probes in the rows.
func (h *Home) probes() []string {
	var names []string
	for _, rows := range [][]Row{h.Rows, h.Healthy} {
		for i := range rows {
			names = append(names, rows[i].Probe)
		}
	}
	return names
}

// maxStored limits the answers of the history that are kept. One answer for 400 probes takes 2 MB.
const maxStored = 8

// stored holds what the history has for a period.
type stored struct {
	at      time.Time // when it was read
	buckets map[string][]history.Bucket
	misses  []probe.Miss
}

// storedParts keeps what was read from the history for some seconds, for all viewers.
type storedParts struct {
	mu   sync.Mutex
	read map[string]stored
}

// of returns what the history has for a period that ends now.
func (c *storedParts) of(ctx context.Context, store *history.Store, shown period, names []string, now time.Time) (stored, error) {
	fresh := min(shown.part/6, time.Minute)
	key := shown.name + " " + strings.Join(names, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	for known, s := range c.read {
		if now.Sub(s.at) >= time.Minute {
			delete(c.read, known)
		}
	}
	if s, ok := c.read[key]; ok && now.Sub(s.at) < fresh {
		return s, nil
	}
	s := stored{at: now}
	var err error
	if s.buckets, err = store.BucketsOfEach(ctx, names, shown.begin(now), now, shown.part); err != nil {
		return stored{}, err
	}
	if s.misses, err = store.Misses(ctx, shown.begin(now), now, maxMisses*len(stripPeriods())); err != nil {
		return stored{}, err
	}
	if len(c.read) < maxStored {
		c.read[key] = s
	}
	return s, nil
}

// readPeriod makes the strips of a home page show the period that the reader asked for. When the history cannot be read, they show the
// newest runs, and the page says why.
func (s *Server) readPeriod(ctx context.Context, h *Home, shown *Snapshot) {
	all := stripPeriods()
	i := slices.IndexFunc(all, func(p period) bool { return p.name == h.Filter.Last })
	if i < 0 {
		return
	}
	store := s.source.History()
	if store == nil {
		h.Unread = "the history is not open"
		return
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	read, err := s.parts.of(ctx, store, all[i], h.probes(), shown.Now)
	if err != nil {
		h.Unread = foreign(err.Error(), cutExcerpt)
		return
	}
	h.showPeriod(shown, all[i], read)
}
