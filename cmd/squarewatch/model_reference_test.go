package main

import (
	"slices"
	"sort"
	"time"
)

// The reference computes, as docs/rules.md describes, when a series is over its threshold and when it is clear. Some runs may count or not:
// those at the edge of a window, and those whose record a kill may have lost. Therefore the reference says what may be true and what must
// be true.

// modelReference computes from all runs, without state.
type modelReference struct {
	*modelLog

	samples []time.Time // every second, each end of a run and just before it, and each beginning of a configuration
	lives   []modelLife
}

// modelLife is a time in which a series keeps the runs that it counted.
type modelLife struct {
	modelSeries

	from, until time.Time
	first, last int            // the numbers of its first and last era
	firing      []modelStretch // in which it must fire
	clear       []modelStretch // in which it must be clear
	over        time.Time      // when it first may have been over the threshold; zero for never
}

// modelStretch is a stretch of time.
type modelStretch struct{ from, until time.Time }

func (s modelStretch) holds(from, until time.Time) bool {
	return !from.Before(s.from) && until.Before(s.until)
}

// modelLevel is what may and must be true of a series at a time.
type modelLevel struct{ mayCross, mustCross, mayClear, mustClear bool }

// newModelReference computes what must be true in a history.
func newModelReference(l *modelLog) *modelReference {
	slices.SortStableFunc(l.runs, func(a, b modelRun) int { return a.End.Compare(b.End) })
	r := &modelReference{modelLog: l}
	for at := l.start; at.Before(l.end); at = at.Add(time.Second) {
		r.samples = append(r.samples, at)
	}
	for i := range l.runs {
		r.samples = append(r.samples, l.runs[i].End, l.runs[i].End.Add(-time.Millisecond))
	}
	for i := range l.eras {
		r.samples = append(r.samples, l.eras[i].from)
	}
	slices.SortFunc(r.samples, time.Time.Compare)
	r.findLives()
	for i := range r.lives {
		r.judge(&r.lives[i])
	}
	return r
}

// findLives finds the lives of all series. A life lasts while the rule counts the same runs. A restart does not end it.
func (r *modelReference) findLives() {
	current := map[modelSeries]int{}
	var before map[modelSeries]modelMembers
	for i := range r.eras {
		e := &r.eras[i]
		now := e.series
		for key, m := range now {
			if was, ok := before[key]; ok && m.rule.countsLike(was.rule) {
				l := &r.lives[current[key]]
				l.until, l.last = e.until, i
				continue
			}
			current[key] = len(r.lives)
			r.lives = append(r.lives, modelLife{modelSeries: key, from: e.from, until: e.until, first: i, last: i})
		}
		before = now
	}
}

// life returns the life of a series at a time; nil for none.
func (r *modelReference) life(key modelSeries, at time.Time) *modelLife {
	for i := range r.lives {
		if l := &r.lives[i]; l.modelSeries == key && !at.Before(l.from) && at.Before(l.until) {
			return l
		}
	}
	return nil
}

// lifeIn returns the life of a series in an era by its number; nil for none. Several eras may begin at one time.
func (r *modelReference) lifeIn(key modelSeries, era int) *modelLife {
	for i := range r.lives {
		if l := &r.lives[i]; l.modelSeries == key && l.first <= era && era <= l.last {
			return l
		}
	}
	return nil
}

// modelCount is how many runs certainly count (runs, bad), and how many more may count (moreRuns, moreBad).
type modelCount struct{ runs, bad, moreRuns, moreBad int }

// count counts the runs of probes for a rule at a time. For one probe of a group, only is its name and probes contains it alone.
func (r *modelReference) count(life *modelLife, rule *modelRule, only string, probes []string, at time.Time) (c modelCount) {
	window := time.Duration(rule.window) * time.Second
	edge := window / 60
	first := sort.Search(len(r.runs), func(i int) bool { return r.runs[i].End.After(at.Add(-window - edge)) })
	for i := first; i < len(r.runs) && !r.runs[i].End.After(at); i++ {
		run := &r.runs[i]
		counts, may := r.counts(life, run, at)
		if !slices.Contains(probes, run.Probe) {
			if isOne := rule.per == "probe" || len(probes) == 1 && probes[0] == only; isOne || r.isWatched(run.Probe, at) {
				continue
			}
			counts = false // runs of a probe that was removed may stay in the window of a group
		}
		bad := rule.bad(run.Result)
		switch {
		case !may:
		case counts && run.End.After(at.Add(edge-window)):
			c.runs++
			if bad {
				c.bad++
			}
		default:
			c.moreRuns++
			if bad {
				c.moreBad++
			}
		}
	}
	return c
}

// isWatched reports whether the configuration of a time has a probe.
func (r *modelReference) isWatched(name string, at time.Time) bool {
	e := r.era(at)
	return e != nil && e.file.probe(name) != nil
}

// modelLost limits what a kill loses: the records of runs that ended at most this long before it.
const modelLost = 4 * time.Second

// counts reports whether a run certainly counts at a time, and whether it may count.
func (r *modelReference) counts(life *modelLife, run *modelRun, at time.Time) (counts, may bool) {
	counts, may = true, true
	for _, p := range r.processes {
		if p.killed && at.After(p.until) && run.End.After(p.until.Add(-modelLost)) && run.End.Before(p.until) {
			counts = false
		}
	}
	if run.End.Before(life.from) { // a restart recalls runs of the probe, also from before the life of the series
		return false, slices.ContainsFunc(r.processes, func(p modelSpan) bool { return p.from.After(life.from) && !p.from.After(at) })
	}
	var kept *modelProbe
	for i := range r.eras { // another probe may have this name now, or the probe was removed for a time
		e := &r.eras[i]
		if e.until.Before(run.Intended) || e.from.After(at) {
			continue
		}
		is := e.file.probe(run.Probe)
		if is == nil || kept != nil && *kept != *is {
			counts = false
		}
		kept = is
	}
	return counts, may
}

func (f *modelFile) probe(name string) *modelProbe {
	for i := range f.probes {
		if f.probes[i].name == name {
			return &f.probes[i]
		}
	}
	return nil
}

// levelOf compares a count with a rule.
func levelOf(c modelCount, r *modelRule) (l modelLevel) {
	must, may := c.runs >= r.minRuns, c.runs+c.moreRuns >= r.minRuns
	atLeast := func(bad, runs, percent int) bool { return bad > 0 && bad*100 >= percent*runs }
	most, least := []int{c.bad + c.moreBad, c.runs + c.moreBad}, []int{c.bad, c.runs + c.moreRuns - c.moreBad}
	return modelLevel{
		mayCross: may && atLeast(most[0], most[1], r.threshold), mustCross: must && atLeast(least[0], least[1], r.threshold),
		mayClear: may && !atLeast(least[0], least[1], r.clear), mustClear: must && !atLeast(most[0], most[1], r.clear),
	}
}

// level says what may and must be true of a series at a time. A rule per credential or over all probes evaluates its probes together, and
// each of them alone.
func (r *modelReference) level(life *modelLife, e *modelEra, at time.Time) modelLevel {
	m, ok := e.series[life.modelSeries]
	if !ok {
		return modelLevel{}
	}
	whole := r.count(life, m.rule, "", m.probes, at)
	l := levelOf(whole, m.rule)
	if m.rule.per == "probe" {
		return l
	}
	for _, name := range m.probes {
		c := r.count(life, m.rule, name, []string{name}, at)
		one := levelOf(c, m.rule)
		l.mayCross, l.mustCross = l.mayCross || one.mayCross, l.mustCross || one.mustCross
		l.mayClear = l.mayClear && (one.mayClear || c.runs < m.rule.minRuns)
		l.mustClear = l.mustClear && one.mustClear && c.bad+c.moreBad == 0
	}
	return l
}

// judge finds when a series must fire and when it must be clear. It fires at a bad run, after it was over the threshold for the time of the
// rule's key `for` without a restart or a reload.
func (r *modelReference) judge(life *modelLife) {
	var since, firing, good time.Time // from when it must be over, must fire, must be clear; zero for never
	var previous *modelEra
	end := func(list *[]modelStretch, from *time.Time, at time.Time) {
		if !from.IsZero() {
			*list = append(*list, modelStretch{*from, at})
		}
		*from = time.Time{}
	}
	for _, at := range r.samples {
		e := r.era(at)
		if stopping := r.stoppingEra(at); e == nil && stopping != nil && r.level(life, stopping, at).mayCross && life.over.IsZero() {
			life.over = at // a run that ends during a stop is evaluated
		}
		if at.Before(life.from) || !at.Before(life.until) || e == nil {
			previous = nil
			continue
		}
		l := r.level(life, e, at)
		if l.mayCross && life.over.IsZero() {
			life.over = at
		}
		if !l.mustCross || e != previous {
			since = time.Time{}
		}
		if previous = e; l.mustCross && since.IsZero() {
			since = at
		}
		switch {
		case firing.IsZero() && !since.IsZero() && r.firesAt(at, since, e.series[life.modelSeries]):
			firing = at
		case l.mayClear:
			end(&life.firing, &firing, at)
		}
		if l.mustClear && good.IsZero() {
			good = at
		} else if !l.mustClear {
			end(&life.clear, &good, at)
		}
	}
	end(&life.firing, &firing, life.until)
	end(&life.clear, &good, life.until)
}

// firesAt reports whether a bad run of a series ended at a time, after the series was over its threshold for the time of the rule's key
// `for`.
func (r *modelReference) firesAt(at, since time.Time, m modelMembers) bool {
	if hold := time.Duration(m.rule.hold) * time.Second; hold > 0 && at.Sub(since) <= hold+time.Second {
		return false
	}
	first := sort.Search(len(r.runs), func(i int) bool { return !r.runs[i].End.Before(at) })
	for i := first; i < len(r.runs) && r.runs[i].End.Equal(at); i++ {
		if slices.Contains(m.probes, r.runs[i].Probe) && m.rule.bad(r.runs[i].Result) {
			return true
		}
	}
	return false
}
