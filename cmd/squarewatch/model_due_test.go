package main

import (
	"context"
	"slices"
	"time"

	"squarewatch/probe/database"
)

// modelDueRun is a run or a miss of a probe. A miss may stand for several due runs.
type modelDueRun struct {
	intended time.Time
	count    int
	process  int
	missed   bool
}

// checkDue checks that each due run of a probe is recorded as a run or as a miss, and not as both. While a probe does not change, its due
// times are one interval apart, also across reloads and restarts. A run that a kill lost is not expected. A run whose record a kill lost
// may be reported as missed.
func (v *modelVerdict) checkDue() {
	byProbe := map[string][]modelDueRun{}
	for i := range v.runs {
		r := &v.runs[i]
		if r.Blame.Ours() {
			v.fails("squarewatch itself causes no failed run", "%s of %v: %s", r.Probe, v.since(r.Intended), r.Reason)
		}
		byProbe[r.Probe] = append(byProbe[r.Probe], modelDueRun{r.Intended, 1, r.process, false})
	}
	for i := range v.misses {
		m := &v.misses[i]
		byProbe[m.Probe] = append(byProbe[m.Probe], modelDueRun{m.Intended, m.Count, m.process, true})
	}
	for name, list := range byProbe {
		slices.SortStableFunc(list, func(a, b modelDueRun) int { return a.intended.Compare(b.intended) })
		for i := 1; i < len(list); i++ {
			v.checkPair(name, &list[i-1], &list[i])
		}
	}
	for i := range v.eras {
		v.checkFirst(&v.eras[i], byProbe)
	}
}

// checkFirst checks that each probe of a configuration has a run or a miss soon after the configuration begins and shortly before it ends.
func (v *modelVerdict) checkFirst(e *modelEra, byProbe map[string][]modelDueRun) {
	for _, p := range e.file.probes {
		every := time.Duration(p.every) * time.Second
		for _, s := range []modelStretch{{e.from, e.from.Add(every)}, {e.until.Add(-every - 10*time.Second), e.until}} {
			within := func(d modelDueRun) bool { return !d.intended.Before(s.from) && !d.intended.After(s.until) }
			if e.until.Sub(e.from) > every+10*time.Second && !slices.ContainsFunc(byProbe[p.name], within) {
				v.fails("every due run is a run or a miss", "%s has neither from %v to %v", p.name, v.since(s.from), v.since(s.until))
			}
		}
	}
}

// checkPair checks two consecutive due times of a probe.
func (v *modelVerdict) checkPair(name string, a, b *modelDueRun) {
	var every time.Duration
	for i := range v.eras {
		e := &v.eras[i]
		if e.until.Before(a.intended) || e.from.After(b.intended) {
			continue
		}
		p := e.file.probe(name)
		if p == nil || every > 0 && every != time.Duration(p.every)*time.Second {
			return
		}
		every = time.Duration(p.every) * time.Second
	}
	want := a.intended.Add(time.Duration(a.count) * every)
	if every == 0 || b.intended.Equal(want) {
		return
	}
	if v.nearKill(a.intended, b.intended) || v.endedAt(a.intended) || v.endedAt(b.intended) {
		return
	}
	promise := "every due run is a run or a miss"
	if b.intended.Before(want) {
		promise = "a run is counted once"
	}
	v.fails(promise, "%s: %d from %v (missed: %v), and then %v (missed: %v)", name, a.count, v.since(a.intended), a.missed,
		v.since(b.intended), b.missed)
}

// nearKill reports whether a process was killed between two times or close to them. The kill may lose a run, or lose its record: then the
// run counts as missed.
func (v *modelVerdict) nearKill(from, until time.Time) bool {
	return slices.ContainsFunc(v.processes, func(p modelSpan) bool {
		return p.killed && !p.until.Before(from.Add(-modelLost)) && !p.until.After(until.Add(20*time.Second))
	})
}

// endedAt reports whether a process ended within a microsecond of a time. The database stores microseconds, so the next process may report
// the same run as missed.
func (v *modelVerdict) endedAt(at time.Time) bool {
	return slices.ContainsFunc(v.processes, func(p modelSpan) bool { return p.until.Sub(at).Abs() < time.Microsecond })
}

// checkKept checks that the database has each run once.
func (v *modelVerdict) checkKept() {
	ctx := context.Background()
	db, err := database.OpenReadOnly(ctx, v.database)
	if err != nil {
		v.fails("the database can be read", "%v", err)
		return
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SELECT probe, intended, count(*) FROM runs GROUP BY probe, intended")
	if err != nil {
		v.fails("the database can be read", "%v", err)
		return
	}
	defer func() { _ = rows.Close() }()
	type key struct {
		probe    string
		intended int64
	}
	kept := map[key]int{}
	for rows.Next() {
		var k key
		var n int
		if err := rows.Scan(&k.probe, &k.intended, &n); err != nil {
			v.fails("the database can be read", "%v", err)
		}
		if kept[k] = n; n > 1 {
			v.fails("a run is counted once", "%s of %v is kept %d times", k.probe, v.since(time.UnixMicro(k.intended)), n)
		}
	}
	if err := rows.Err(); err != nil {
		v.fails("the database can be read", "%v", err)
	}
	for i := range v.runs {
		r := &v.runs[i]
		p := v.processes[r.process]
		if isLost := p.killed && r.End.After(p.until.Add(-modelLost)); !isLost && kept[key{r.Probe, r.Intended.UnixMicro()}] == 0 {
			v.fails("every run is kept", "%s of %v is not in the database", r.Probe, v.since(r.Intended))
		}
	}
}
