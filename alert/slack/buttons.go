package slack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// The buttons below firing incidents. Their value holds the identifiers of the message's incidents.
const (
	actionAcknowledge = "squarewatch_acknowledge"
	actionSilence     = "squarewatch_silence"
	silenceLength     = time.Hour

	cutValue = 2000 // https://docs.slack.dev/reference/block-kit/block-elements/button-element
)

// buttons returns the block of buttons. It leaves out the button to acknowledge when all incidents are acknowledged.
func (v view) buttons() []slack.Block {
	var value string
	acknowledged := true
	all := slices.Concat([]alert.Incident{*v.incident}, v.n.Others, v.n.Group)
	for i := range all {
		incident := &all[i]
		if !incident.Resolved.IsZero() || !isIdentifier(incident.ID) || len(value)+len(incident.ID) >= cutValue {
			continue
		}
		value = strings.TrimSpace(value + " " + incident.ID)
		acknowledged = acknowledged && incident.Acknowledged != nil
	}
	if value == "" {
		return nil
	}
	button := func(action, label string) slack.BlockElement {
		return slack.NewButtonBlockElement(action, value, slack.NewTextBlockObject(slack.PlainTextType, label, false, false))
	}
	elements := []slack.BlockElement{button(actionSilence, "Silence 1h")}
	if !acknowledged {
		elements = slices.Insert(elements, 0, button(actionAcknowledge, "Acknowledge"))
	}
	return []slack.Block{slack.NewActionBlock("", elements...)}
}

// isIdentifier reports whether an identifier can be part of a list that is separated by spaces.
func isIdentifier(id string) bool {
	return id != "" && len(id) <= cutName && clean(id) == id && !strings.Contains(id, " ")
}

// pressed is the result of a button.
type pressed struct {
	reply  string // for the person who pressed it; empty when the message will show the result
	thread string // for all readers of the message's thread; empty for most buttons
}

// press performs the action of a button.
func press(callback *slack.InteractionCallback, actions outbox.Commands) pressed {
	by := callback.User.ID
	for _, action := range callback.ActionCallback.BlockActions {
		if action == nil {
			continue
		}
		switch action.ActionID {
		case actionAcknowledge:
			err := each(action.Value, func(incident string) error { return actions.Acknowledge(incident, by) })
			if err != nil {
				return pressed{reply: "Not acknowledged: " + mrkdwn(err.Error(), cutReason)}
			}
		case actionSilence:
			var until time.Time
			err := each(action.Value, func(incident string) (err error) {
				end, err := actions.Silence(incident, by, silenceLength)
				if err == nil {
					until = end
				}
				return err
			})
			if err != nil {
				return pressed{reply: "Not silenced: " + mrkdwn(err.Error(), cutReason)}
			}
			return pressed{
				reply:  "Silenced until " + clock(until) + ". Probing and recording continue; `squarewatch silence list` shows the silence.",
				thread: "🔕 " + mention(by) + " silenced this until " + clock(until) + ".",
			}
		}
	}
	return pressed{}
}

var errNoIncident = errors.New("the button names no incident")

// each calls do for every incident of a button. It succeeds when do succeeds for one of them, since the others may no longer fire.
// Otherwise it returns the error of the first.
func each(value string, do func(incident string) error) error {
	failure := errNoIncident
	done := 0
	for i, incident := range strings.Fields(value[:min(len(value), cutValue)]) {
		err := do(incident)
		if err == nil {
			done++
		} else if i == 0 {
			failure = err
		}
	}
	if done > 0 {
		return nil
	}
	return failure
}

// slash returns the answer to the command /squarewatch.
func slash(text string, now outbox.Overview) map[string]any {
	if strings.TrimSpace(text) != "status" {
		return ephemeral("Write `/squarewatch status` to see what fires, what is silenced and which messages are not delivered yet.")
	}
	return ephemeral(overview(&now))
}

// maxListed limits each list of the overview, since Slack drops an answer of 20 kB.
const maxListed = 15

func overview(now *outbox.Overview) string {
	var lines []string
	for i := range now.Incidents {
		incident := &now.Incidents[i]
		lines = append(lines, fmt.Sprintf("%s *%s %s* since %s: %s", colour(alert.EventFiring, incident.Severity),
			mrkdwn(incident.Rule, cutName), mrkdwn(incident.Series, cutName), clock(incident.Since), short(incident)))
	}
	lines = shortList(lines, "incidents")
	if len(lines) == 0 {
		lines = append(lines, "🟢 All is well: nothing fires. "+watched(now.Series))
	}
	var silences, waiting []string
	for i := range now.Maintenance {
		m := &now.Maintenance[i]
		silences = append(silences, fmt.Sprintf("🔧 %s until %s", mrkdwn(m.ID, cutName), clock(m.Until)))
	}
	for i := range now.Silences {
		s := &now.Silences[i]
		silences = append(silences, fmt.Sprintf("🔕 silence %s until %s by %s %s",
			mrkdwn(s.ID, cutName), clock(s.Until), mention(s.By), mrkdwn(s.Comment, cutPhrase)))
	}
	for _, b := range now.Backlog {
		if b.Pending > 0 {
			waiting = append(waiting, fmt.Sprintf("✉️ %s: %d waiting, the oldest for %s. %s",
				mrkdwn(b.Notifier, cutName), b.Pending, lasting(b.OldestAge), mrkdwn(b.LastError, cutReason)))
		}
	}
	lines = append(lines, shortList(silences, "silences")...)
	return bounded(append(lines, shortList(waiting, "notifiers")...))
}

// watched counts the series and rules.
func watched(all []alert.Status) string {
	rules, series := map[string]bool{}, map[string]bool{}
	for i := range all {
		rules[all[i].Rule], series[all[i].Series] = true, true
	}
	return fmt.Sprintf("Watched: %d series by %d rules.", len(series), len(rules))
}

func shortList(lines []string, what string) []string {
	if len(lines) <= maxListed {
		return lines
	}
	return append(lines[:maxListed:maxListed], fmt.Sprintf("… and %d more %s", len(lines)-maxListed, what))
}
