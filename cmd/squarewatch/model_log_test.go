package main

import (
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe"
)

// modelLog is what happened in a history.
type modelLog struct {
	start, end   time.Time
	processes    []modelSpan
	eras         []modelEra
	runs         []modelRun
	misses       []modelMiss
	told         []modelMessage // attempts to deliver, in order
	silences     []modelSilence
	acknowledged []modelAcknowledged
	looks        []modelLook
	faults       []string // faults that no promise covers
	database     string
}

// modelSpan is the time of a process, from its start until it began to stop.
type modelSpan struct {
	from, stopping, until time.Time
	killed                bool
}

// modelEra is a time in which one process uses one configuration.
type modelEra struct {
	from, until time.Time
	file        modelFile
	series      map[modelSeries]modelMembers // of the file
	process     int
}

type (
	modelRun struct {
		*probe.Result

		process int
	}
	modelMiss struct {
		probe.Miss

		process int
	}
	modelMessage struct {
		outbox.Notification

		place    string
		received time.Time
		refused  error // nil when the place accepted it
	}
	modelSilence struct {
		from, until   time.Time
		All           bool
		Probes, Rules []string
	}
	modelAcknowledged struct {
		id       string
		reopened int
		looks    int // number of looks before the acknowledgement
	}
	// modelLook is what the daemon says of its series and incidents at a time.
	modelLook struct {
		at        time.Time
		era       int // its number: several eras may begin at the same instant
		series    []alert.Status
		incidents []alert.Incident
	}
)

// modelSeries names a series: what a rule evaluates separately.
type modelSeries struct{ rule, name string }

// began records that a configuration is in force from now on.
func (l *modelLog) began(file modelFile, process int) {
	now := time.Now()
	l.endEra(now)
	l.eras = append(l.eras, modelEra{from: now, file: file, series: file.members(), process: process})
}

// endEra ends the last era, unless it has ended already.
func (l *modelLog) endEra(now time.Time) {
	if n := len(l.eras); n > 0 && l.eras[n-1].until.IsZero() {
		l.eras[n-1].until = now
	}
}

// ended records the end of the last process.
func (l *modelLog) ended(killed bool) {
	now := time.Now()
	p := &l.processes[len(l.processes)-1]
	if p.stopping.IsZero() {
		p.stopping = now
	}
	l.endEra(p.stopping)
	p.until, p.killed = now, killed
}

// era returns the era of a time; nil when no daemon runs.
func (l *modelLog) era(at time.Time) *modelEra {
	for i := len(l.eras) - 1; i >= 0; i-- {
		if e := &l.eras[i]; !at.Before(e.from) && at.Before(e.until) {
			return e
		}
	}
	return nil
}

// stoppingEra returns the last era of a process that is stopping at a time; nil for none.
func (l *modelLog) stoppingEra(at time.Time) *modelEra {
	for i := len(l.eras) - 1; i >= 0; i-- {
		if p := l.processes[l.eras[i].process]; !at.Before(p.stopping) && !at.After(p.until) {
			return &l.eras[i]
		}
	}
	return nil
}

// steady reports whether one process runs from a time until another.
func (l *modelLog) steady(from, until time.Time) bool {
	return slices.ContainsFunc(l.processes, func(p modelSpan) bool { return !from.Before(p.from) && until.Before(p.stopping) })
}

// mutes reports whether a silence covers a series. It does not look at times.
func (s *modelSilence) mutes(rule, per, series string) bool {
	return s.All || slices.Contains(s.Rules, rule) || per == "probe" && slices.Contains(s.Probes, series)
}

// silenced reports whether a silence mutes a series at any time between from and until.
func (l *modelLog) silenced(rule, per, series string, from, until time.Time) bool {
	return slices.ContainsFunc(l.silences, func(s modelSilence) bool {
		return s.mutes(rule, per, series) && !s.from.After(until) && s.until.After(from)
	})
}

// members returns the probes of each series of a configuration, with its rule.
func (f *modelFile) members() map[modelSeries]modelMembers {
	all := map[modelSeries]modelMembers{}
	for i := range f.rules {
		r := &f.rules[i]
		for _, p := range f.probes {
			if len(r.probes) > 0 && !slices.Contains(r.probes, p.name) {
				continue
			}
			key := modelSeries{r.name, r.seriesOf(&p)}
			m := all[key]
			m.rule, m.probes = r, append(m.probes, p.name)
			all[key] = m
		}
	}
	return all
}

// modelMembers are the probes of a series.
type modelMembers struct {
	rule   *modelRule
	probes []string
}

func (r *modelRule) seriesOf(p *modelProbe) string {
	switch {
	case r.per == "all":
		return "all"
	case r.per == "credential" && p.keyed:
		return "key"
	case r.per == "credential":
		return "none"
	}
	return p.name
}

// bad reports whether a rule counts a run as bad.
func (r *modelRule) bad(run *probe.Result) bool {
	switch {
	case run.Expected:
		return false
	case r.on == "5xx":
		return run.Code >= 500
	case r.on == "401":
		return run.Code == 401
	case r.on == "transport":
		return run.Code == 0
	}
	return true
}

// countsLike reports whether two rules count the same runs over the same time.
func (r *modelRule) countsLike(o *modelRule) bool {
	return r.on == o.on && r.per == o.per && r.window == o.window && (r.per == "probe" || slices.Equal(r.probes, o.probes))
}

// notifies reports whether a configuration sends messages of a rule to a place. An empty rule asks for any rule.
func (f *modelFile) notifies(place string, rule *modelRule) bool {
	return slices.ContainsFunc(f.notifiers, func(n modelNotifier) bool {
		return n.place == place && (rule == nil || len(rule.notify) == 0 || slices.Contains(rule.notify, n.name))
	})
}
