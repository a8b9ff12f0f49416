package alertmanager

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"squarewatch/alert"
	"squarewatch/probe"
)

const (
	cutName     = 60   // characters of the name of a probe or a credential
	cutText     = 1000 // characters of any other text
	maxExamples = 3
	maxAffected = 10 // series in a list
)

// annotations are the texts for people. Empty ones are left out.
func annotations(i *alert.Incident, at time.Time, options Options) model.LabelSet {
	set := model.LabelSet{}
	add := func(name model.LabelName, text string) {
		if text != "" {
			set[name] = model.LabelValue(text)
		}
	}
	add("summary", summary(i, at))
	add("description", description(i))
	add("runbook_url", cmp.Or(webAddress(i.Runbook), harmless(i.Runbook, cutText)))
	add("trace_url", newestTrace(i, options.TraceURL))
	add("incident_url", webAddress(options.Site.Incident(i.ID)))
	add("run_url", newestRun(i, options.Site))
	add("answers", alert.OutcomeCounts(i.Classes))
	add("blame", string(i.Blame))
	add("evidence", evidence(i))
	add("settle", harmless(i.Advice, cutText))
	for name, t := range map[model.LabelName]time.Time{"first_bad": i.FirstBad, "last_bad": i.LastBad, "declared": i.Fired} {
		if !t.IsZero() {
			add(name, t.UTC().Format(time.RFC3339))
		}
	}
	if i.BadRuns > 0 {
		add("bad_runs", strconv.Itoa(i.BadRuns))
	}
	switch conditionOf(i) {
	case alert.ConditionRate, alert.ConditionBurn:
		add("rate", i.Rate.String())
		add("runs", fmt.Sprintf("%d of %d", i.Bad, i.Runs))
		add("window", lasting(i.Window))
		add("threshold", i.Threshold.String())
		if i.Confidence > 0 {
			add("bounds", fmt.Sprintf("%v to %v at %v confidence", i.Low, i.High, i.Confidence))
		}
	case alert.ConditionStreak, alert.ConditionAccess, alert.ConditionNoData, alert.ConditionNetwork, alert.ConditionWatcher:
	}
	return set
}

// conditionOf returns the condition that fired. An incident that names none is about access if it has no window; otherwise about a rate.
func conditionOf(i *alert.Incident) alert.Condition {
	if i.Condition == "" && i.Window == 0 {
		return alert.ConditionAccess
	}
	return cmp.Or(i.Condition, alert.ConditionRate)
}

// summary is one line for a notification on a phone.
func summary(i *alert.Incident, at time.Time) string {
	text := harmless(i.Rule, cutName) + " " + harmless(i.Series, cutName) + ": "
	if conditionOf(i) == alert.ConditionAccess {
		text += "Security: "
	}
	if i.Resolved.IsZero() {
		return text + strings.TrimSuffix(figures(i, at), ": ")
	}
	if i.Ended() {
		return text + "ended without a recovery, " + i.BadTime() + ": " + harmless(i.EndReason, cutText)
	}
	text += "over, " + i.BadTime()
	switch {
	case i.Trouble != nil:
		return text
	case conditionOf(i) == alert.ConditionNetwork, conditionOf(i) == alert.ConditionWatcher:
		return text + ", " + figures(i, at)
	case conditionOf(i) == alert.ConditionRate, conditionOf(i) == alert.ConditionBurn:
		return text + fmt.Sprintf(", now %d of %d runs failed (%v)", i.Bad, i.Runs, i.Rate)
	}
	return text
}

// figures describes the incident in numbers. If the numbers are not current, it adds when they were counted.
func figures(i *alert.Incident, at time.Time) string {
	text := currentFigures(i, at)
	switch {
	case i.Counted.IsZero():
	case i.RecentRuns == 0:
		text += "; counted at " + i.Counted.UTC().Format(time.RFC3339) + ", and no run has finished lately"
	default:
		text += fmt.Sprintf("; counted at %s, and lately only %d runs, %d of them bad",
			i.Counted.UTC().Format(time.RFC3339), i.RecentRuns, i.RecentBad)
	}
	return text
}

func currentFigures(i *alert.Incident, at time.Time) string {
	switch conditionOf(i) {
	case alert.ConditionAccess:
		if i.Bad == 0 {
			return fmt.Sprintf("access was granted where the API must refuse; since then %d runs in a row were refused", i.Runs)
		}
		return "the last run got " + cmp.Or(alert.OutcomeCounts(i.Classes), "an answer") + " where the API must refuse"
	case alert.ConditionStreak:
		return fmt.Sprintf("%d bad runs%s in a row: %s", i.Bad, ofProbe(i), alert.OutcomeCounts(i.Classes))
	case alert.ConditionNoData:
		return "no run has finished for " + lasting(at.Sub(i.Since))
	case alert.ConditionNetwork:
		return fmt.Sprintf("our own network failed; %d runs failed because of it, and no other rule counted them", i.Bad)
	case alert.ConditionWatcher:
		if i.Trouble != nil {
			return "squarewatch itself is in trouble, " + harmless(i.Trouble.Work, cutText)
		}
		return fmt.Sprintf("squarewatch itself is in trouble; %d runs could not be made, and no other rule counted them", i.Bad)
	case alert.ConditionBurn:
		if i.Burn != nil {
			return fmt.Sprintf("over %s, the error budget of the objective %v in %s is spent %.1f times as fast as it may be: %s",
				lasting(i.Burn.Long), i.Burn.Objective, lasting(i.Burn.Period), i.Burn.LongBurn, alert.OutcomeCounts(i.Classes))
		}
	case alert.ConditionRate:
	}
	return fmt.Sprintf("%d of %d runs%s failed (%v, threshold %v): %s",
		i.Bad, i.Runs, ofProbe(i), i.Rate, i.Threshold, alert.OutcomeCounts(i.Classes))
}

// ofProbe returns " of NAME" for an incident of one probe, and nothing otherwise.
func ofProbe(i *alert.Incident) string {
	if i.Probe == "" {
		return ""
	}
	return " of " + harmless(i.Probe, cutName)
}

// description says whose fault the incident is. It lists the examples, and the series that are not announced because of this
// incident.
func description(i *alert.Incident) string {
	lines := culprit(i)
	for e := range i.Examples[:min(len(i.Examples), maxExamples)] {
		lines = append(lines, example(&i.Examples[e]))
	}
	if len(i.BadProbes) > 0 {
		list := make([]string, 0, len(i.BadProbes))
		for _, p := range i.BadProbes {
			list = append(list, fmt.Sprintf("%s %d of %d", harmless(p.Probe, cutName), p.Bad, p.Runs))
		}
		lines = append(lines, "Bad probes: "+alert.Shortened(list, maxAffected)+".")
	}
	if i.HeldOpen > 0 && i.Resolved.IsZero() {
		lines = append(lines, "It flaps: it ends when no bad run has come for "+lasting(i.HeldOpen)+".")
	}
	if failing := i.JoinedNames(false); len(failing) > 0 {
		lines = append(lines, "Also failing: "+names(failing)+".")
	}
	if over := i.JoinedNames(true); len(over) > 0 {
		label := "Also failed: "
		if i.Resolved.IsZero() {
			label = "Also failed, and good again: "
		}
		lines = append(lines, label+names(over)+".")
	}
	if len(i.Affected) > 0 {
		lines = append(lines, "Not announced because of this: "+names(i.Affected)+".")
	}
	if i.Overdue {
		lines = append(lines, "It has lasted so long that you should ask AISquare.")
	}
	return strings.Join(lines, "\n")
}

// names lists names from the configuration.
func names(list []string) string {
	shown := make([]string, 0, len(list))
	for _, name := range list {
		shown = append(shown, harmless(name, cutName))
	}
	return alert.Shortened(shown, maxAffected)
}

// wording says how package alert escapes the text that it inserts into a sentence of an annotation.
func wording() alert.Wording {
	return alert.Wording{Escape: func(text string) string { return harmless(text, cutText) }}
}

// culprit says whose fault the incident is, what to do now, and the evidence. It returns no lines when nothing is known.
func culprit(i *alert.Incident) []string {
	explained, ok := i.Explain(wording())
	if !ok {
		return nil
	}
	lines := []string{strings.TrimSpace(explained.Say + " " + explained.Act)}
	for k := range explained.Reasons {
		lines = append(lines, "Because: "+reason(&explained.Reasons[k]))
	}
	return lines
}

// evidence lists the reasons why the culprit is known, or why it is unknown.
func evidence(i *alert.Incident) string {
	list := make([]string, 0, maxExamples)
	for k := range i.Evidence[:min(len(i.Evidence), maxExamples)] {
		list = append(list, reason(&i.Evidence[k]))
	}
	return strings.Join(list, "; ")
}

// reason is one piece of evidence with its time.
func reason(e *probe.Evidence) string {
	text := harmless(e.Text, cutText)
	if !e.At.IsZero() {
		text += " (" + e.At.UTC().Format("15:04:05 UTC") + ")"
	}
	return text
}

// example describes one bad run: time, probe, outcome, reason, and an excerpt of the API's answer.
func example(e *alert.Example) string {
	what := e.Class.String()
	if e.Code > 0 && !e.Class.IsTransport() {
		what = strconv.Itoa(e.Code) + " " + what
	}
	parts := []string{e.At.UTC().Format("15:04:05 UTC") + " " + harmless(e.Probe, cutName) + " " + what}
	for _, text := range []string{e.Reason, e.Excerpt} {
		if words := harmless(text, cutText); words != "" {
			parts = append(parts, words)
		}
	}
	return strings.Join(parts, ": ")
}

func lasting(d time.Duration) string { return alert.Lasting(d, alert.DurationCompact) }
