package statuspage

import (
	"fmt"
	"time"

	"squarewatch/alert"
)

// endsWhen says what ends a firing incident. It is empty for an ended incident, and when the condition does not say.
func endsWhen(s *Snapshot, i *alert.Incident) string {
	if !i.Resolved.IsZero() {
		return ""
	}
	text := ""
	rule := ruleOf(s, i.Rule)
	switch {
	case i.Condition == alert.ConditionStreak:
		text = "the first good run"
	case i.Condition == alert.ConditionNoData:
		text = "the first run that finishes"
	case i.Condition == alert.ConditionAccess:
		text = "some refusals in a row"
	case i.Condition == alert.ConditionBurn && i.Burn != nil:
		text = fmt.Sprintf("a rate below %v in %s", i.Clear, lasting(i.Burn.Short))
	case i.Condition == alert.ConditionRate && i.Clear > 0:
		text = fmt.Sprintf("a rate below %v; it is %v now", i.Clear, i.Rate)
		if rule == nil {
			break
		}
		pace := paceOf(s, rule, i)
		if runs := goodRunsToEnd(rule, i, s.Now, pace); runs > 0 {
			text = fmt.Sprintf("%s, about %s: that makes the rate less than %v; it is %v now", count(runs, "more good run", "more good runs"),
				lasting(time.Duration(runs)*pace), i.Clear, i.Rate)
		}
	}
	if text != "" && len(i.Joined) > 0 {
		text += "; the series that joined it must be good again too"
	}
	if text != "" && i.HeldOpen > 0 {
		text += "; because it flaps, that must last " + lasting(i.HeldOpen)
	}
	return text
}

// paceOf returns the mean time between two runs that an incident counts; 0 when none is scheduled.
func paceOf(s *Snapshot, rule *alert.Rule, i *alert.Incident) time.Duration {
	perSecond := 0.0
	for k := range s.Probes {
		p := s.Probes[k].Settings
		if !rule.Watches(p.Name) || rule.SeriesOf(p) != i.Series || i.Probe != "" && i.Probe != p.Name {
			continue
		}
		first := p.Schedule.Next(s.Now)
		if gap := p.Schedule.Next(first).Sub(first); !first.IsZero() && gap > 0 {
			perSecond += 1 / gap.Seconds()
		}
	}
	if perSecond == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / perSecond)
}

// goodRunsToEnd estimates how many good runs, one at each pace, bring the rate of an incident below its clear; 0 when it is unknown.
// Older runs leave the window meanwhile: all runs of a part of its course leave at the middle of that part.
func goodRunsToEnd(rule *alert.Rule, i *alert.Incident, now time.Time, pace time.Duration) int {
	if pace <= 0 || !i.Counted.IsZero() || len(i.Course) == 0 {
		return 0
	}
	part := i.Window / time.Duration(len(i.Course))
	for good := 1; time.Duration(good)*pace <= i.Window+part; good++ {
		later := now.Add(time.Duration(good) * pace)
		runs, bad := good, 0
		for _, p := range i.Course {
			if p.At.Add(i.Window - part/2).After(later) {
				runs, bad = runs+p.Runs, bad+p.Bad
			}
		}
		if _, high := rule.Interval(bad, runs); runs >= rule.MinRuns && high < i.Clear {
			return good
		}
	}
	return 0
}
