package main

import (
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

const (
	// modelSoon is how long a message may take. It covers group_wait, the pause between two messages, and the next bad run of a series that
	// another incident explained.
	modelSoon = 30 * time.Second
	// modelNamed is how long it may take until a message names a series that joined another incident. Messages of this kind are at least a
	// minute apart.
	modelNamed = 100 * time.Second
)

// checkTold checks that each place received a message about each series that must fire, unless another incident at that place explains the
// series.
func (v *modelVerdict) checkTold() {
	for i := range v.lives {
		life := &v.lives[i]
		for _, s := range life.firing {
			for at := s.from.Add(modelSoon); at.Before(s.until); at = at.Add(5 * time.Second) {
				v.checkToldAt(life, s.from, at)
			}
		}
	}
}

// checkToldAt checks the places of a series that must fire since a time.
func (v *modelVerdict) checkToldAt(life *modelLife, since, at time.Time) {
	from := at.Add(-modelSoon)
	if !v.steady(from, at) || !v.sameEra(from, at) {
		return
	}
	e := v.era(at)
	m := e.series[life.modelSeries]
	if v.silenced(life.rule, m.rule.per, life.name, from, at) || !v.hasBadRun(&m, from, at) {
		return
	}
	for _, n := range e.file.notifiers {
		if !e.file.notifies(n.place, m.rule) || v.isRefusing(n.place, from, at) || v.shows(n.place, life.modelSeries, from, at) {
			continue
		}
		if v.isExplained(n.place, life, from, at, at.Sub(since) < modelNamed) || v.wasExplained(n.place, life, since, from) {
			continue
		}
		v.fails("a firing series is announced", "%v: %s %s must fire since %v, and %s received no message", v.since(at), life.rule, life.name,
			v.since(since), n.place)
	}
}

// sameEra reports whether one configuration is in force from a time until another.
func (v *modelVerdict) sameEra(from, at time.Time) bool {
	e := v.era(from)
	return e != nil && e == v.era(at)
}

// hasBadRun reports whether a series had a bad run in the first half of the time between from and at. A series that was explained fires
// only at its next bad run.
func (v *modelVerdict) hasBadRun(m *modelMembers, from, at time.Time) bool {
	middle := from.Add(at.Sub(from) / 2)
	return slices.ContainsFunc(v.runs, func(r modelRun) bool {
		return r.End.After(from) && r.End.Before(middle) && slices.Contains(m.probes, r.Probe) && m.rule.bad(r.Result)
	})
}

// isRefusing reports whether a place refused a message, and the next attempt may still wait. After a refusal, the next attempt must come
// within twice the time since the first refusal, plus modelRetryAfter and 3 seconds.
func (v *modelVerdict) isRefusing(place string, from, at time.Time) bool {
	var first, until time.Time
	for i := range v.told {
		m := &v.told[i]
		switch {
		case m.place != place || m.received.After(at):
		case m.refused == nil:
			if !first.IsZero() {
				until = m.received
			}
			first = time.Time{}
		default:
			if first.IsZero() {
				first = m.received
			}
			until = m.received.Add(2*m.received.Sub(first) + modelRetryAfter + 3*time.Second)
		}
	}
	return until.After(from)
}

// shown calls see with each incident that a place shows as firing at any time between from and at. The incident is as in the last message
// about it.
func (v *modelVerdict) shown(place string, from, at time.Time, see func(alert.Incident)) {
	last := map[string]alert.Incident{}
	for i := range v.told {
		m := &v.told[i]
		if m.place != place || m.refused != nil || m.received.After(at) {
			continue
		}
		for _, in := range m.incidents() {
			if before, ok := last[in.ID]; ok && m.Event.Ends() && !m.received.Before(from) {
				see(before)
			}
			if delete(last, in.ID); m.Event.Fires() {
				last[in.ID] = in
			} else if !m.received.Before(from) {
				see(in)
			}
		}
	}
	for _, in := range last {
		see(in)
	}
}

// shows reports whether a place shows a series as firing at some time from a time until another.
func (v *modelVerdict) shows(place string, key modelSeries, from, at time.Time) (yes bool) {
	v.shown(place, from, at, func(in alert.Incident) { yes = yes || in.Rule == key.rule && in.Series == key.name })
	return yes
}

// wasExplained reports whether an incident explained a series before, and the series is now below its threshold. After the incident ends,
// the series fires only when it crosses its threshold.
func (v *modelVerdict) wasExplained(place string, life *modelLife, since, at time.Time) bool {
	return !v.level(life, v.era(at), at).mustCross && v.isExplained(place, life, since, at, false)
}

// isExplained reports whether a place shows another incident that explains a series. The incident names the series, shares a probe with it,
// or blames its credential. While isNew, any incident counts, because it may name the series soon. A silenced incident counts too, because
// its messages wait.
func (v *modelVerdict) isExplained(place string, life *modelLife, from, at time.Time, isNew bool) (yes bool) {
	v.shown(place, from, at, func(in alert.Incident) {
		if !ofFile(&in) {
			return
		}
		named := slices.ContainsFunc(in.Joined, func(j alert.JoinedSeries) bool { return j.Rule == life.rule && j.Series == life.name })
		held := v.silenced(in.Rule, string(in.Per), in.Series, from.Add(-modelNamed), at)
		other := modelSeries{in.Rule, in.Series}
		yes = yes || isNew || named || held || v.shareProbe(life.modelSeries, other, at) || v.isCovered(life.modelSeries, &in, at)
	})
	return yes
}

// isCovered reports whether an incident blames the credential, and all probes of a series use it.
func (v *modelVerdict) isCovered(key modelSeries, in *alert.Incident, at time.Time) bool {
	e := v.era(at)
	other := func(name string) bool { return !e.file.probe(name).keyed }
	return in.Blame == probe.BlameCredential && !slices.ContainsFunc(e.series[key].probes, other)
}

// shareProbe reports whether a series counts runs of a probe that another one counts, or counted before a reload removed it.
func (v *modelVerdict) shareProbe(a, other modelSeries, at time.Time) bool {
	counts := v.era(at).series[a].probes
	return slices.ContainsFunc(v.eras, func(e modelEra) bool {
		return !e.from.After(at) && slices.ContainsFunc(e.series[other].probes, func(name string) bool { return slices.Contains(counts, name) })
	})
}

// checkEnded checks that no place shows an incident as firing when its series is gone, or has been clear for long enough.
func (v *modelVerdict) checkEnded() {
	for at := v.start.Add(modelSoon); at.Before(v.end.Add(-modelSoon)); at = at.Add(5 * time.Second) {
		e, from := v.era(at), at.Add(-modelSoon)
		if e == nil || !v.steady(from, at) || !v.sameEra(from, at) {
			continue
		}
		for _, n := range e.file.notifiers {
			if !v.isRefusing(n.place, from, at) {
				v.checkEndedAt(n.place, from, at)
			}
		}
	}
}

// isLeftOut reports whether a configuration between two times has no notifier for a place. The place does not learn of incidents that end
// meanwhile.
func (v *modelVerdict) isLeftOut(place string, from, until time.Time) bool {
	return slices.ContainsFunc(v.eras, func(e modelEra) bool {
		return !e.from.After(until) && !e.until.Before(from) && !e.file.notifies(place, nil)
	})
}

func (v *modelVerdict) checkEndedAt(place string, from, at time.Time) {
	v.shown(place, at, at, func(in alert.Incident) {
		key := modelSeries{in.Rule, in.Series}
		if !ofFile(&in) || v.silenced(in.Rule, string(in.Per), in.Series, from, at) || v.isLeftOut(place, in.Fired, at) {
			return
		}
		life := v.life(key, at)
		switch {
		case life == nil || life.from.After(in.Fired) && v.life(key, in.Fired) != life:
			v.fails("an incident of a removed series ends", "%v: %s shows %s %s, which was removed or changed", v.since(at), place, in.Rule,
				in.Series)
		case v.allClear(&in, from, at):
			v.fails("an incident of a clear series ends", "%v: %s shows %s %s, which is clear", v.since(at), place, in.Rule, in.Series)
		}
	})
}

// allClear reports whether a series, and every other one that may have joined it, is clear from a time until another. An incident that
// reopened at least twice ends only after its series was clear for the rule's reopen. A series that joined may need the same.
func (v *modelVerdict) allClear(in *alert.Incident, from, at time.Time) bool {
	for other, m := range v.era(at).series {
		begin, isOwn := from, other == modelSeries{in.Rule, in.Series}
		if isOwn && in.Reopened >= 2 || !isOwn && len(in.Joined) > 0 {
			begin = from.Add(-time.Duration(max(m.rule.reopen, 0)) * time.Second)
		}
		life := v.life(other, at)
		if life == nil || !slices.ContainsFunc(life.clear, func(s modelStretch) bool { return s.holds(begin, at) }) {
			return false
		}
	}
	return true
}
