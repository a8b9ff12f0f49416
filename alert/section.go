package alert

import (
	"strings"

	"squarewatch/probe"
)

// Section returns the heading of docs/on-call.md that says what to do about an incident, in the form in which a link names it.
func (i *Incident) Section() string {
	switch i.Condition {
	case ConditionAccess:
		return heading(probe.BlameLeak)
	case ConditionNoData:
		return "no-data"
	case ConditionNetwork:
		return heading(probe.BlameNetwork)
	case ConditionWatcher:
		return heading(probe.BlameWatcher)
	case ConditionRate, ConditionStreak, ConditionBurn:
	}
	if i.Blame == probe.BlameNone {
		return "what-to-do-first"
	}
	return heading(i.Blame)
}

func heading(blame probe.Blame) string { return strings.ReplaceAll(string(blame), "_", "-") }
