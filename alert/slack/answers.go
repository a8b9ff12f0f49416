package slack

import (
	"fmt"
	"strings"
	"time"

	"squarewatch/alert"

	"github.com/slack-go/slack"
)

// The buttons under an incident that fires. Their value is the incident's identifier.
const (
	actionAcknowledge = "squarewatch_acknowledge"
	actionSilence     = "squarewatch_silence"
	silenceLength     = time.Hour
)

// buttons returns the block with both of them.
func buttons(incident *alert.Incident) slack.Block {
	button := func(action, label string) *slack.ButtonBlockElement {
		return slack.NewButtonBlockElement(action, cut(incident.ID, cutName), slack.NewTextBlockObject(slack.PlainTextType, label, false, false))
	}
	return slack.NewActionBlock("", button(actionAcknowledge, "Acknowledge"), button(actionSilence, "Silence 1h"))
}

// press does what a button asks for, and returns what to tell the person who pressed it; empty when the message itself will show it.
func press(callback *slack.InteractionCallback, desk alert.Desk) string {
	for _, action := range callback.ActionCallback.BlockActions {
		if action == nil {
			continue
		}
		switch action.ActionID {
		case actionAcknowledge:
			if err := desk.Acknowledge(action.Value, callback.User.ID); err != nil {
				return "Not acknowledged: " + mrkdwn(err.Error(), cutReason)
			}
		case actionSilence:
			until, err := desk.Silence(action.Value, callback.User.ID, silenceLength)
			if err != nil {
				return "Not silenced: " + mrkdwn(err.Error(), cutReason)
			}
			return "Silenced until " + clock(until) + ". Probing and recording go on; `squarewatch silence list` shows it."
		}
	}
	return ""
}

// slash answers the command /squarewatch.
func slash(text string, now alert.Overview) map[string]any {
	if strings.TrimSpace(text) != "status" {
		return ephemeral("Write `/squarewatch status` to see what fires, what is silenced and what waits to be told.")
	}
	return ephemeral(overview(&now))
}

// mostListed bounds each list of the overview: Slack drops an answer of 20 kB.
const mostListed = 15

func overview(now *alert.Overview) string {
	var lines []string
	for i := range now.Incidents {
		incident := &now.Incidents[i]
		lines = append(lines, fmt.Sprintf("%s *%s %s* since %s: %s", light(alert.EventFiring, incident.Severity),
			mrkdwn(incident.Rule, cutName), mrkdwn(incident.Series, cutName), clock(incident.Since), short(incident)))
	}
	lines = shortList(lines, "incidents")
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("🟢 All is well: nothing fires in %d series.", len(now.Series)))
	}
	var silences, waiting []string
	for i := range now.Silences {
		s := &now.Silences[i]
		silences = append(silences, fmt.Sprintf("🔕 silence %s until %s by %s %s", mrkdwn(s.ID, cutName), clock(s.Until), mention(s.By), mrkdwn(s.Comment, cutPhrase)))
	}
	for _, b := range now.Backlog {
		if b.Pending > 0 {
			waiting = append(waiting, fmt.Sprintf("✉️ %s: %d waiting, the oldest for %s. %s", mrkdwn(b.Notifier, cutName), b.Pending, lasting(b.OldestAge), mrkdwn(b.LastError, cutReason)))
		}
	}
	lines = append(lines, shortList(silences, "silences")...)
	return strings.Join(append(lines, shortList(waiting, "notifiers")...), "\n")
}

func shortList(lines []string, what string) []string {
	if len(lines) <= mostListed {
		return lines
	}
	return append(lines[:mostListed:mostListed], fmt.Sprintf("… and %d more %s", len(lines)-mostListed, what))
}
