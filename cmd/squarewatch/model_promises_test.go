package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
)

// modelVerdict compares a history with the promises.
type modelVerdict struct {
	*modelReference

	broken []string // "promise: what was seen"
}

func (v *modelVerdict) fails(promise, format string, arguments ...any) {
	v.broken = append(v.broken, promise+": "+fmt.Sprintf(format, arguments...))
}

// since returns the time after the start of the history. Steps show their times in the same way.
func (v *modelVerdict) since(at time.Time) time.Duration { return at.Sub(v.start) }

// judgeModel returns the promises that a history breaks.
func judgeModel(l *modelLog) []string {
	v := &modelVerdict{modelReference: newModelReference(l)}
	for _, fault := range l.faults {
		v.fails("the daemon works", "%s", fault)
	}
	v.checkDue()
	v.checkKept()
	v.checkSilences()
	v.checkOrder()
	v.checkTrue()
	v.checkTold()
	v.checkEnded()
	v.checkLooks()
	return v.broken
}

// ofFile reports whether an incident is of a rule of the file, and not of a built-in rule. Only rules of the file have names that begin
// with r and a digit.
func ofFile(i *alert.Incident) bool { return len(i.Rule) > 1 && i.Rule[0] == 'r' && i.Rule[1] <= '9' }

// incidents returns all incidents of a message.
func (m *modelMessage) incidents() []alert.Incident {
	return append([]alert.Incident{m.Incident}, m.Others...)
}

// checkSilences checks that no message about a series is sent while a silence mutes the series.
func (v *modelVerdict) checkSilences() {
	for i := range v.told {
		m := &v.told[i]
		for _, in := range m.incidents() {
			for _, s := range v.silences {
				if s.mutes(in.Rule, string(in.Per), in.Series) && m.received.After(s.from) && m.received.Before(s.until) {
					v.fails("a silence mutes its series", "%v: %s of %s %s to %s, silenced from %v to %v", v.since(m.received), m.Event, in.Rule,
						in.Series, m.place, v.since(s.from), v.since(s.until))
				}
			}
		}
	}
}

// checkOrder checks the messages about each incident at each place: FIRING comes once, then the end once, and no message is older than the
// one before it.
func (v *modelVerdict) checkOrder() {
	type at struct{ place, incident string }
	open, last := map[at]bool{}, map[at]time.Time{}
	for i := range v.told {
		m := &v.told[i]
		if m.refused != nil {
			continue
		}
		for _, in := range m.incidents() {
			key := at{m.place, in.ID}
			isWrong := m.Event == alert.EventFiring && open[key] || m.Event == alert.EventUpdate && !open[key] ||
				m.Event.Ends() && !open[key] && m.Folded == 0 && len(m.Others) == 0
			if ofFile(&in) && isWrong && !v.isLeftOut(m.place, last[key], m.received) {
				v.fails("FIRING comes once, and then the end once", "%v: %s %s: %s to %s; the place showed it as firing: %v",
					v.since(m.received), in.Rule, in.Series, m.Event, m.place, open[key])
			}
			if m.At.Before(last[key]) || m.At.After(m.received) || in.Since.After(in.Fired) || in.Fired.After(m.received) {
				v.fails("times are true", "%v: %s %s: %s of %v, since %v, fired %v, after a message of %v", v.since(m.received), in.Rule, in.Series,
					m.Event, v.since(m.At), v.since(in.Since), v.since(in.Fired), v.since(last[key]))
			}
			open[key], last[key] = m.Event.Fires(), m.At
		}
	}
}

// checkTrue checks that the threshold may have been crossed when a message says so, and that the series may have been clear when a message
// says that it resolved.
func (v *modelVerdict) checkTrue() {
	for i := range v.told {
		m := &v.told[i]
		for _, in := range m.incidents() {
			key := modelSeries{in.Rule, in.Series}
			if m.refused != nil || !ofFile(&in) {
				continue
			}
			at, is, until := in.Crossed, "over", m.At
			if m.Event.Ends() {
				at, is, until = in.Resolved, "clear", in.Resolved
			}
			e, life := v.era(at), v.life(key, at)
			if m.Event == alert.EventEnded || !v.steady(at.Add(-time.Minute), until) { // a start recalls runs, which shifts times
				continue
			}
			if e == nil || life == nil {
				v.fails("only existing series are announced", "%v: %s of %s %s, which did not exist at %v", v.since(m.received), m.Event, in.Rule,
					in.Series, v.since(at))
				continue
			}
			if !v.mayBe(is, life, at, m.received) {
				v.fails("announcements are true", "%v: %s of %s %s to %s: it was not %s at %v", v.since(m.received), m.Event, in.Rule, in.Series,
					m.place, is, v.since(at))
			}
			v.checkFigures(m, &in)
		}
	}
}

// mayBe reports whether a series may have been "over" or "clear" at a time. It tries the thresholds of that time and of each reload until
// the message was received. A run that ends at the same instant may count or not.
func (v *modelVerdict) mayBe(is string, life *modelLife, at, received time.Time) bool {
	return slices.ContainsFunc(v.eras, func(e modelEra) bool {
		if e.from.After(received) || !e.until.After(at) {
			return false
		}
		l, before := v.level(life, &e, at), v.level(life, &e, at.Add(-1))
		if is == "over" {
			return l.mayCross || before.mayCross
		}
		return l.mayClear || before.mayClear
	})
}

// checkFigures compares the figures of a message about one probe with the runs.
func (v *modelVerdict) checkFigures(m *modelMessage, in *alert.Incident) {
	name := in.Probe
	if in.Per == alert.PerProbe {
		name = in.Series
	}
	life, e := v.life(modelSeries{in.Rule, in.Series}, m.At), v.era(m.At)
	if name == "" || m.Event != alert.EventFiring || m.Folded > 0 || len(m.Others) > 0 || !in.Counted.IsZero() || life == nil || e == nil {
		return
	}
	members, ok := e.series[life.modelSeries]
	if !ok {
		return
	}
	c, before := v.count(life, members.rule, name, []string{name}, m.At), v.count(life, members.rule, name, []string{name}, m.At.Add(-1))
	fits := func(c modelCount) bool {
		return in.Runs >= c.runs && in.Runs <= c.runs+c.moreRuns && in.Bad >= c.bad && in.Bad <= c.bad+c.moreBad
	}
	if !fits(c) && !fits(before) { // a run that ends at the same instant may count or not
		v.fails("figures are true", "%v: %s %s says %d of %d at %v, want %d to %d of %d to %d", v.since(m.received), in.Rule, in.Series, in.Bad,
			in.Runs, v.since(m.At), c.bad, c.bad+c.moreBad, c.runs, c.runs+c.moreRuns)
	}
}

// checkLooks compares what the daemon says of itself with the configuration and the runs: which series exist, which series cannot fire, and
// which incidents are acknowledged.
func (v *modelVerdict) checkLooks() {
	for i := range v.looks {
		look := &v.looks[i]
		want := maps.Clone(v.eras[look.era].series)
		for j := range look.series {
			s := &look.series[j]
			key := modelSeries{s.Rule, s.Series}
			if in := (alert.Incident{Rule: s.Rule}); !ofFile(&in) {
				continue
			}
			life := v.lifeIn(key, look.era)
			if _, ok := want[key]; !ok {
				v.fails("the daemon has the series of the configuration", "%v: the series %s %s is unexpected", v.since(look.at), s.Rule, s.Series)
			} else if life != nil && s.State == alert.Firing && (life.over.IsZero() || life.over.After(look.at)) {
				v.fails("a series that never crossed its threshold does not fire", "%v: %s %s", v.since(look.at), s.Rule, s.Series)
			}
			delete(want, key)
		}
		for key := range want {
			v.fails("the daemon has the series of the configuration", "%v: the series %s %s is missing", v.since(look.at), key.rule, key.name)
		}
		v.checkAcknowledged(i)
	}
}

// checkAcknowledged checks that an incident stays acknowledged until it fires again.
func (v *modelVerdict) checkAcknowledged(number int) {
	look := &v.looks[number]
	for _, a := range v.acknowledged {
		i := slices.IndexFunc(look.incidents, func(i alert.Incident) bool { return i.ID == a.id })
		if i < 0 || number < a.looks {
			continue
		}
		if in := &look.incidents[i]; in.Acknowledged == nil && in.Reopened == a.reopened {
			v.fails("an acknowledged incident stays acknowledged", "%v: %s %s was acknowledged before", v.since(look.at), in.Rule, in.Series)
		}
	}
}

// describeModel lists the messages of a history, for a person who reads a failure.
func describeModel(l *modelLog) string {
	var b strings.Builder
	for i := range l.told {
		m := &l.told[i]
		fmt.Fprintf(&b, "%v %s: %s of %v", m.received.Sub(l.start), m.place, m.Event, m.At.Sub(l.start))
		for _, in := range m.incidents() {
			fmt.Fprintf(&b, " [%s %s, joined %v]", in.Rule, in.Series, in.Joined)
		}
		if m.refused != nil {
			fmt.Fprintf(&b, ", refused: %v", m.refused)
		}
		b.WriteString("\n")
	}
	return b.String()
}
