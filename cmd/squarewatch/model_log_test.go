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
	faults       []string // that no promise names
	database     string
}

// modelSpan is the time of a process, from its start until it began to stop.
type modelSpan struct {
	from, stopping, until time.Time
	killed                bool
}

// modelEra is a time in which one configuration is in force.
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
		refused  error // nil when the place took it
	}
	modelSilence struct {
		from, until   time.Time
		All           bool
		Probes, Rules []string
	}
	modelAcknowledged struct {
		id       string
		reopened int
		looks    int // how many came before
	}
	modelLook struct {
		at        time.Time
		era       int // which one is in force: several may begin at one time
		series    []alert.Status
		incidents []alert.Incident
	}
)

// modelSeries names what a rule evaluates by itself.
type modelSeries struct{ rule, name string }

// began writes down that a configuration is in force from now on.
func (l *modelLog) began(file modelFile, process int) {
	now := time.Now()
	l.endEra(now)
	l.eras = append(l.eras, modelEra{from: now, file: file, series: file.members(), process: process})
}

// endEra ends the last era, if it goes on.
func (l *modelLog) endEra(now time.Time) {
	if n := len(l.eras); n > 0 && l.eras[n-1].until.IsZero() {
		l.eras[n-1].until = now
	}
}

// ended writes down that the last process is over.
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

// mutes reports whether a silence is about a series.
func (s *modelSilence) mutes(rule, per, series string) bool {
	return s.All || slices.Contains(s.Rules, rule) || per == "probe" && slices.Contains(s.Probes, series)
}

// silenced reports whether a silence of a series is active at some time from a time until another.
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
