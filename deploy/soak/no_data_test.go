//go:build soak

package soak_test

import (
	"slices"
	"time"

	"squarewatch/alert"
)

// leastNoData is the least time without a run after which the rule no-data may fire: three intervals.
const leastNoData = 3 * interval

// checkNoData checks that no-data fires only for a probe that finished no runs while the process ran.
func (r *report) checkNoData(j *journal, k *kept) {
	fired := 0
	for id, i := range k.incidents {
		if i.rule != alert.NoDataRule || !isWatched(i.series) || j.isBlank(i) {
			continue
		}
		fired++
		from := j.awakeSince(i.fired)
		for _, run := range k.runs[i.series] {
			if run.ended.After(from) && run.ended.Before(i.fired) {
				from = run.ended
			}
		}
		if without := i.fired.Sub(from); without < leastNoData {
			r.fails("no-data means that a probe finishes no runs", "%s of %s fired at %s, only %v after a run, a start or a standstill",
				id, i.series, stamp(i.fired), without)
		}
	}
	r.add("%d incidents of no-data", fired)
}

// awakeSince returns since when the process runs at a time: since its start, or since it last stood still.
func (j *journal) awakeSince(at time.Time) (since time.Time) {
	for _, d := range slices.Concat(j.stood, j.restarts) {
		switch {
		case !d.from.Before(at) || d.until.Before(since):
		case d.until.After(at):
			since = at
		default:
			since = d.until
		}
	}
	return since
}
