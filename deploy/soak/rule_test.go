//go:build soak

package soak_test

import (
	"slices"
	"strings"
	"time"

	"squarewatch/probe"
)

// What the rules of the soak say, computed again from the runs that were kept. They differ in their probes alone.
const (
	ruleName  = "errors" // the names of all begin with it
	window    = 10 * time.Second
	threshold = 0.5
	clearing  = 0.3
	minRuns   = 3
	// grain is how much shorter or longer the daemon may see the window, which it counts in 60 parts.
	grain = window / 50
)

// share returns the share of bad runs among those that ended in a window before a time; false when there are too few.
func share(runs []keptRun, at time.Time, length time.Duration) (float64, bool) {
	counted, bad := 0, 0
	for _, k := range slices.Backward(runs[:endedBy(runs, at)]) {
		if k.ended.Before(at.Add(-length)) {
			if k.ended.Before(at.Add(-length - longestRun)) {
				break
			}
			continue
		}
		if k.ended.After(at) || k.blame.Ours() { // no rule counts what failed on our own side
			continue
		}
		if counted++; !k.expected {
			bad++
		}
	}
	return float64(bad) / float64(max(counted, 1)), counted >= minRuns
}

// longestRun bounds how long a run of the soak takes, with its looks.
const longestRun = 10 * time.Second

// endedBy returns how many runs, in the order in which they were due, may have ended by a time.
func endedBy(runs []keptRun, at time.Time) int {
	n, _ := slices.BinarySearchFunc(runs, at, func(k keptRun, at time.Time) int { return k.intended.Compare(at) })
	return n
}

// may reports whether the share may have been as asked at a time, as the daemon saw it.
func may(runs []keptRun, at time.Time, asked func(float64) bool) bool {
	for _, length := range []time.Duration{window - grain, window, window + grain} {
		if is, enough := share(runs, at, length); enough && asked(is) {
			return true
		}
	}
	return false
}

// must reports whether the share was as asked at a time, however the daemon saw it.
func must(runs []keptRun, at time.Time, asked func(float64) bool) bool {
	for _, length := range []time.Duration{window - grain, window, window + grain} {
		if is, enough := share(runs, at, length); !enough || !asked(is) {
			return false
		}
	}
	return true
}

func crossed(share float64) bool { return share >= threshold }

func isClear(share float64) bool { return share < clearing }

// evaluated is how much later than a run ended the daemon may have evaluated it.
const evaluated = 5 * time.Second

// checkRule compares the incidents of the rule with what the rule says of the runs. An incident fires and resolves when its probe's runs
// say so, and not later. What crosses the threshold is an incident.
func (r *report) checkRule(j *journal, k *kept) {
	of := map[string][]keptIncident{}
	for id, i := range k.incidents {
		if i.isBuiltin() {
			continue
		}
		of[i.series] = append(of[i.series], i)
		if isWatched(i.series) && !j.isBlank(i) {
			r.checkTimes(j, k, id, i)
		}
	}
	for _, path := range paths() {
		name, before := nameOf(path), false
		var blamed time.Time // when a run last blamed a credential
		for _, run := range k.runs[name] {
			if run.blame == probe.BlameCredential || run.blame == probe.BlameLoginService {
				blamed = run.ended
			}
			is := must(k.runs[name], run.ended, crossed)
			if is && before && !j.excused(run.ended) && !isIncident(of, name, run.ended, run.ended.Sub(blamed) < window) {
				r.fails("what crosses the threshold fires", "%s at %s has no incident", name, stamp(run.ended))
				break
			}
			before = is
		}
	}
}

// isWatched reports whether a probe is in the file all the time.
func isWatched(name string) bool {
	return slices.ContainsFunc(paths(), func(path string) bool { return nameOf(path) == name })
}

// isIncident reports whether an incident of a probe fires at a time. When a credential is blamed, one of its probes has the incident for
// all.
func isIncident(of map[string][]keptIncident, name string, at time.Time, blamed bool) bool {
	fires := func(i keptIncident) bool {
		return !i.fired.After(at.Add(evaluated)) && (i.resolved.IsZero() || !i.resolved.Before(at.Add(-evaluated)))
	}
	if slices.ContainsFunc(of[name], fires) {
		return true
	}
	if !blamed {
		return false
	}
	for _, path := range paths() {
		if credentialOf(path) != "none" && slices.ContainsFunc(of[nameOf(path)], fires) {
			return true
		}
	}
	return false
}

// checkTimes checks when an incident fired and resolved.
func (r *report) checkTimes(j *journal, k *kept, id string, i keptIncident) {
	runs := k.runs[i.series]
	if !j.excused(i.fired) && !may(runs, i.fired, crossed) {
		is, _ := share(runs, i.fired, window)
		r.fails("an incident fires when its rule says so", "%s of %s fired at %s with %.0f %%", id, i.series, stamp(i.fired), 100*is)
	}
	if i.resolved.IsZero() || j.excused(i.resolved) {
		return
	}
	if !may(runs, i.resolved, isClear) {
		is, _ := share(runs, i.resolved, window)
		r.fails("an incident ends when its rule says so", "%s of %s resolved at %s with %.0f %%", id, i.series, stamp(i.resolved), 100*is)
	}
	last := i.fired // since when it had to be over
	for _, run := range runs {
		if at := run.ended; at.After(last) && at.Before(i.resolved) && !must(runs, at, isClear) {
			last = at
		}
	}
	for _, other := range k.incidents {
		if other.leader == id && other.resolved.After(last) { // it does not end before those that joined it
			last = other.resolved
		}
	}
	if late := i.resolved.Sub(last); late > evaluated && !j.touches(span{last, i.resolved}) {
		r.fails("an incident ends when its rule says so", "%s of %s resolved at %s, %v late", id, i.series, stamp(i.resolved), late)
	}
}

// excused reports whether what the daemon knew at a time may not be what it kept, or whether it may have been late.
func (j *journal) excused(at time.Time) bool { return j.nearRestart(at) || j.touches(span{at, at}) }

// touches reports whether the process stood still or was not there in a stretch of time, or before it within the window.
func (j *journal) touches(s span) bool {
	return slices.ContainsFunc(slices.Concat(j.stood, j.restarts), func(d span) bool {
		return d.from.Before(s.until.Add(evaluated)) && d.until.After(s.from.Add(-window-evaluated))
	})
}

// isBlank reports whether the daemon ran without what it had kept while an incident fired.
func (j *journal) isBlank(i keptIncident) bool {
	until := i.resolved.Add(evaluated)
	if i.resolved.IsZero() {
		until = time.Now()
	}
	return j.isBlankDuring(span{i.fired, until})
}

// isBlankDuring reports whether the daemon ran without what it had kept during a part of a stretch of time.
func (j *journal) isBlankDuring(s span) bool {
	return slices.ContainsFunc(j.unsure, func(u span) bool {
		began := slices.ContainsFunc(j.restarts, func(r span) bool { return u.holds(r.until, 0) })
		return began && s.from.Before(u.until) && s.until.After(u.from)
	})
}

// isBuiltin reports whether an incident is of a rule of the product, such as no-data: it may reopen.
func (i keptIncident) isBuiltin() bool { return !strings.HasPrefix(i.rule, ruleName) }

func stamp(at time.Time) string { return at.UTC().Format("15:04:05.000") }
