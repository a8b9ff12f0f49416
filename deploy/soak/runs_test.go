//go:build soak

package soak_test

import (
	"fmt"
	"slices"
	"time"
)

// checkRuns checks that every due run is kept once or missed, that the target saw what is kept, that runs were punctual, and that the
// traces of unexpected runs arrived.
func (r *report) checkRuns(s *stage, k *kept) {
	j := &s.journal
	all, missed, unexpected := 0, 0, 0
	var late []time.Duration
	for _, path := range paths() {
		name := nameOf(path)
		runs := k.runs[name]
		all += len(runs)
		missed += r.checkDue(j, name, runs, k.misses[name])
		for _, run := range runs {
			if !j.disturbed(run.intended) {
				late = append(late, run.started.Sub(run.intended))
			}
			if !run.expected {
				unexpected++
				r.checkTrace(s, name, run)
			}
		}
	}
	r.checkTarget(s, k)
	slices.Sort(late)
	p99 := time.Duration(0)
	if len(late) > 0 {
		p99 = late[len(late)*99/100]
	}
	if p99 > *lateness {
		r.fails("runs are punctual", "p99 is %v late", p99)
	}
	r.add("%d runs (%d unexpected), %d missed, p99 of lateness %v", all, unexpected, missed, p99.Round(100*time.Microsecond))
}

// checkDue checks that each due run of a probe is kept once or missed. It returns the number of missed ones.
func (r *report) checkDue(j *journal, probe string, runs []keptRun, misses []span) (missed int) {
	if len(runs) == 0 {
		r.fails("every due run is kept or missed", "%s has no run", probe)
		return 0
	}
	have := map[int64]int{}
	for _, k := range runs {
		have[k.intended.UnixMicro()]++
	}
	for at, n := range have {
		if n > 1 {
			r.fails("a run is counted once", "%s of %s is kept %d times", probe, stamp(time.UnixMicro(at)), n)
		}
	}
	last := runs[len(runs)-1].intended
	for at := runs[0].intended; at.Before(last); at = at.Add(interval) {
		isMissed := slices.ContainsFunc(misses, func(m span) bool { return !at.Before(m.from) && at.Before(m.until) })
		switch {
		case have[at.UnixMicro()] > 0 && isMissed:
			r.fails("a run is counted once", "%s of %s is kept and missed", probe, stamp(at))
		case isMissed:
			missed++
		case have[at.UnixMicro()] == 0 && !j.nearRestart(at):
			r.fails("every due run is kept or missed", "%s of %s is neither", probe, stamp(at))
		}
	}
	return missed
}

// checkTrace checks that the collector has the spans of an unexpected run: its own, and one for each of its requests.
func (r *report) checkTrace(s *stage, name string, run keptRun) {
	roots, requests := s.collector.counts(run.trace)
	if (roots != 1 || requests < run.attempts) && !s.journal.nearKill(run.ended) {
		r.fails("traces of unexpected runs arrive", "%s of %s (%s) with %d attempts: %d spans of the run, %d of requests", name,
			stamp(run.intended), run.trace, run.attempts, roots, requests)
	}
}

// checkTarget compares the requests that the target got with the attempts that the daemon kept, trace by trace.
func (r *report) checkTarget(s *stage, k *kept) {
	seen := map[string]int{}
	for _, request := range s.target.requests {
		seen[request.trace]++
	}
	ours := map[string]bool{}
	for name, runs := range k.runs {
		for _, run := range runs {
			ours[run.trace] = true
			got, least, most := seen[run.trace], 0, run.attempts
			if run.code != 0 { // it has an answer
				least = 1
			}
			if !run.expected { // the daemon may look whether the endpoint answers without the credential
				most++
			}
			if got < least || got > most {
				r.fails("our counts are the target's", "%s of %s (%s): the target got %d requests, we keep %d attempts with code %d", name,
					stamp(run.intended), run.trace, got, run.attempts, run.code)
			}
		}
	}
	for _, request := range s.target.requests {
		if ours[request.trace] || !slices.Contains(paths(), request.path) {
			continue
		}
		if !s.journal.nearRestart(request.at) && !isMissed(k, nameOf(request.path), request.at) {
			r.fails("our counts are the target's", "the target got a request of %s at %s (%s) that no kept run made", request.path,
				stamp(request.at), request.trace)
		}
	}
}

// isMissed reports whether a request belongs to a run that was missed although it began: the process stood still meanwhile.
func isMissed(k *kept, probe string, at time.Time) bool {
	return slices.ContainsFunc(k.misses[probe], func(m span) bool { return m.holds(at, longestRun) })
}

// add adds figures to the report.
func (r *report) add(format string, arguments ...any) {
	r.figures = append(r.figures, fmt.Sprintf(format, arguments...))
}
