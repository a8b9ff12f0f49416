package slack

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// whatFailed says which work a part of squarewatch did not do, and why.
func whatFailed(t *alert.Trouble) string {
	return mrkdwn(t.Work, cutReason) + " (" + mrkdwn(t.Reason, cutReason) + ")."
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// comparison compares an incident's figures with its limit; empty when its condition has none.
func comparison(incident *alert.Incident) string {
	switch incident.Condition {
	case alert.ConditionStreak:
		return "the last " + runs(incident.Bad) + of(incident) + " in a row were bad" + counted(incident, clock)
	case alert.ConditionBurn:
		if burn := incident.Burn; burn != nil {
			return fmt.Sprintf("%s, %s, threshold %g×", rate(incident), budgetText(burn), burn.Factor) + counted(incident, clock)
		}
		return rate(incident)
	case alert.ConditionAccess, alert.ConditionNoData, alert.ConditionNetwork, alert.ConditionWatcher:
		return ""
	case alert.ConditionRate:
	}
	text := rate(incident) + ", threshold " + incident.Threshold.String() + counted(incident, clock)
	if incident.Confidence > 0 {
		text += fmt.Sprintf("; true rate %s to %s at %s confidence", incident.Low, incident.High, incident.Confidence)
	}
	return text
}

// budgetText describes how fast the error budget is spent.
func budgetText(burn *alert.Burn) string {
	return fmt.Sprintf("the error budget of the objective %s in %s is spent %.1f× as fast as it may be in %s, and %.1f× in %s",
		burn.Objective, lasting(burn.Period), burn.LongBurn, lasting(burn.Long), burn.ShortBurn, lasting(burn.Short))
}

// counted says when figures that are not current were counted, and what ran since then; empty for current figures.
func counted(incident *alert.Incident, show func(time.Time) string) string {
	if incident.Counted.IsZero() {
		return ""
	}
	lately := " since"
	if incident.Condition == alert.ConditionRate || incident.Condition == alert.ConditionBurn {
		lately = " in the last " + lasting(incident.Window)
	}
	text := "; counted at " + show(incident.Counted) + ", and "
	if incident.RecentRuns == 0 {
		return text + "no run has finished" + lately
	}
	return text + fmt.Sprintf("only %s%s, %d of them bad", runs(incident.RecentRuns), lately, incident.RecentBad)
}

// utc writes a time for texts in which Slack's date format does not work, such as a notification on a phone.
func utc(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// short returns an incident's figures for a notification on a phone, as the end of a sentence.
func short(incident *alert.Incident) string { return figures(incident) + counted(incident, utc) }

func figures(incident *alert.Incident) string {
	switch incident.Condition {
	case alert.ConditionAccess:
		if incident.Bad == 0 {
			return "access was granted where the API must refuse; since then " + runs(incident.Runs) + " in a row were refused"
		}
		return "the last run " + ended(incident.Classes, true) + " where the API must refuse"
	case alert.ConditionNoData:
		return "no run has finished since " + utc(incident.Since) + ", squarewatch itself is not watching"
	case alert.ConditionNetwork:
		return "our own network fails"
	case alert.ConditionWatcher:
		if t := incident.Trouble; t != nil {
			return "squarewatch itself is in trouble, " + mrkdwn(t.Work, cutReason)
		}
		return "squarewatch itself is in trouble, " + runs(incident.Bad) + " could not be made"
	case alert.ConditionStreak:
		return fmt.Sprintf("the last %s%s %s", runs(incident.Bad), of(incident), ended(incident.Classes, false))
	case alert.ConditionBurn:
		if incident.Burn != nil {
			return fmt.Sprintf("%d of %d runs%s (%s) %s; the error budget of the objective %s is spent %.1f× as fast as it may be",
				incident.Bad, incident.Runs, of(incident), incident.Rate, ended(incident.Classes, false),
				incident.Burn.Objective, incident.Burn.LongBurn)
		}
	case alert.ConditionRate:
	}
	return fmt.Sprintf("%d of %d runs%s (%s, threshold %s) %s", incident.Bad, incident.Runs,
		of(incident), incident.Rate, incident.Threshold, ended(incident.Classes, false))
}

// over describes why an incident is over, as the end of a sentence about its extent.
func over(incident *alert.Incident) string {
	switch incident.Condition {
	case alert.ConditionAccess:
		return fmt.Sprintf(": access is refused again, as %s in a row show", runs(incident.Runs))
	case alert.ConditionNoData:
		return ": runs finish again"
	case alert.ConditionNetwork:
		return fmt.Sprintf(": our own network is back; %s did not count", runs(incident.Bad))
	case alert.ConditionWatcher:
		if incident.Trouble != nil {
			return ": this part of squarewatch works again"
		}
		return fmt.Sprintf(": squarewatch has what it needs again; %s did not count", runs(incident.Bad))
	case alert.ConditionStreak:
		return ": the last run was good"
	case alert.ConditionRate, alert.ConditionBurn:
	}
	return fmt.Sprintf(", now %d of %d runs (%s, %s)", incident.Bad, incident.Runs, incident.Rate, clearText(incident))
}

// sparkline draws the last runs, oldest first, and describes them in words.
func sparkline(marks []alert.Mark) string {
	if len(marks) == 0 {
		return ""
	}
	var line strings.Builder
	bad := 0
	for _, m := range marks {
		if m.Bad {
			bad++
			line.WriteRune('█')
		} else {
			line.WriteRune('▁')
		}
	}
	return fmt.Sprintf("%s  %d of the last %d bad, newest right", line.String(), bad, len(marks))
}

// person is a Slack user's identifier, which becomes a mention; any other name is shown as text.
var person = regexp.MustCompile(`^[UW][A-Z0-9]{5,20}$`)

func mention(by string) string {
	if person.MatchString(by) {
		return "<@" + by + ">"
	}
	return mrkdwn(by, cutName)
}

// acknowledgedNow reports whether a notification is about an acknowledgement.
func acknowledgedNow(n *outbox.Notification) bool {
	return n.Event == alert.EventUpdate && n.Incident.Acknowledged != nil && n.Incident.Acknowledged.At.Equal(n.At)
}

// acknowledged returns the line that says who acknowledged the incident; none when it is not acknowledged.
func (v view) acknowledged() []string {
	if a := v.incident.Acknowledged; a != nil {
		return []string{"*Acknowledged* by " + mention(a.By) + " at " + clock(a.At)}
	}
	return nil
}

// remarks returns further facts about an incident, one per line. When it is over, remarks about what to do are left out.
func (v view) remarks() []string {
	var lines []string
	if n := v.incident.Reopened; n > 0 {
		lines = append(lines, fmt.Sprintf("*Fired again* soon after it was over: %s so far.", times(n)))
	}
	if held := v.incident.HeldOpen; held > 0 && v.incident.Resolved.IsZero() {
		lines = append(lines, fmt.Sprintf("*Flapping:* it ends when no bad run has come for %s. "+
			"Until then you get no message each time it starts or stops.", lasting(held)))
	}
	over := v.incident.JoinedNames(true)
	if !v.incident.Resolved.IsZero() {
		if len(over) > 0 {
			lines = append(lines, "*Also failed:* "+names(over))
		}
		return lines
	}
	if failing := v.incident.JoinedNames(false); len(failing) > 0 {
		lines = append(lines, "*Also failing:* "+names(failing))
	}
	if len(over) > 0 {
		lines = append(lines, "*Good again:* "+names(over))
	}
	if v.incident.Overdue && v.options.Support != "" {
		lines = append(lines, fmt.Sprintf("*Ongoing for %s.* Ask AISquare: %s",
			lasting(v.n.At.Sub(v.incident.Since)), mrkdwn(v.options.Support, cutReason)))
	}
	if len(v.incident.Affected) > 0 {
		lines = append(lines, "*Not announced because of this:* "+names(v.incident.Affected))
	}
	return lines
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// spans says when an incident's bad runs came, and then how long it fired.
func spans(incident *alert.Incident) string {
	declared := fmt.Sprintf("It fired for %s, from %s to %s.", lasting(incident.Declared()), date(incident.Fired), date(incident.Resolved))
	if incident.Paused > 0 {
		declared = fmt.Sprintf("It fired for %s in all, between %s and %s.",
			lasting(incident.Declared()), date(incident.Fired), date(incident.Resolved))
	}
	switch {
	case incident.Condition == alert.ConditionNoData:
		lasted := lasting(max(incident.Resolved.Sub(incident.Since), 0))
		return fmt.Sprintf("*No run finished for %s*, from %s. ", lasted, date(incident.Since)) + declared
	case incident.BadRuns == 0:
		return declared
	case incident.BadRuns == 1:
		return fmt.Sprintf("*1 bad run*, at %s. ", date(incident.FirstBad)) + declared
	}
	return fmt.Sprintf("*%s*, from %s to %s. ", incident.BadTime(), date(incident.FirstBad), date(incident.LastBad)) + declared
}
