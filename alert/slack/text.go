package slack

import (
	"fmt"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// textOf returns the line for a notification on a phone.
func textOf(n *outbox.Notification) string {
	incident := &n.Incident
	v := view{n: n, incident: incident}
	if n.Event == alert.EventTest {
		return "TEST " + mrkdwn(n.Notifier, cutName) + ": squarewatch can post here"
	}
	text := fmt.Sprintf("%s %s %s%s: ",
		eventName(n.Event), mrkdwn(incident.Rule, cutName), mrkdwn(incident.Series, cutName), andMore(len(n.Others))) + security(incident)
	switch n.Event {
	case alert.EventEnded:
		return text + "it did not recover: " + mrkdwn(incident.EndReason, cutReason) + "; " + incident.BadTime()
	case alert.EventResolved:
		return text + incident.BadTime() + over(incident)
	case alert.EventUpdate:
		if acknowledgedNow(n) {
			return text + "acknowledged by " + mention(incident.Acknowledged.By)
		}
		if blameChanged(n) {
			return text + "fault reassessed: " + v.whose()
		}
		if joinedNow(n) {
			return text + "also failing: " + names(incident.JoinedNames(false))
		}
		text += "still firing after " + lasting(n.At.Sub(incident.Fired)) + severityText(incident.Severity) + ", "
	case alert.EventFiring, alert.EventTest:
	}
	text += short(incident)
	if whose := v.whose(); whose != "" && !incident.Condition.IsState() {
		text += ". " + whose
	}
	return text
}

// whose says whose fault the incident is; empty when no run says.
func (v view) whose() string {
	explained, _ := v.incident.Explain(v.wording(cutPhrase))
	return explained.Whose
}

// joinedNow reports whether a notification names series that joined the incident since the last one.
func joinedNow(n *outbox.Notification) bool {
	return n.Event == alert.EventUpdate && !n.Incident.JoinedAt.IsZero() && n.Incident.JoinedAt.Equal(n.At)
}

// names lists names that the configuration gives.
func names(list []string) string {
	shown := make([]string, 0, len(list))
	for _, name := range list {
		shown = append(shown, mrkdwn(name, cutName))
	}
	return shortened(shown)
}

// blameChanged reports whether a notification announces another culprit.
func blameChanged(n *outbox.Notification) bool {
	return n.Event == alert.EventUpdate && !n.Incident.BlameChangedAt.IsZero() && n.Incident.BlameChangedAt.Equal(n.At)
}

// security is the first word about a breach in every message about it; empty for other incidents.
func security(incident *alert.Incident) string {
	if incident.Condition == alert.ConditionAccess {
		return "Security: "
	}
	return ""
}

// severityText is the severity for a reminder, since it may have become worse.
func severityText(severity alert.Severity) string {
	if severity == "" {
		return ""
	}
	return " (" + mrkdwn(string(severity), cutName) + ")"
}

func andMore(others int) string {
	if others == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", others)
}
