package slackstub

import (
	"regexp"
	"slices"
	"strings"
)

var incidentOf = regexp.MustCompile(`incident ([0-9a-f]{12})`)

// Incident returns the identifier of the incident that the message is about; empty when the message names none.
func (m *Message) Incident() string {
	if match := incidentOf.FindStringSubmatch(m.Blocks); match != nil {
		return match[1]
	}
	return ""
}

// Messages are messages about one incident, in the order in which they were posted.
type Messages []Message

// ByIncident groups messages by their incident. It leaves out messages that name none.
func ByIncident(messages []Message) map[string]Messages {
	all := map[string]Messages{}
	for i := range messages {
		if id := messages[i].Incident(); id != "" {
			all[id] = append(all[id], messages[i])
		}
	}
	return all
}

// Saying returns the messages whose text begins with one of the words, such as FIRING.
func (m Messages) Saying(words ...string) Messages {
	var found Messages
	for i := range m {
		if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(m[i].Text, word) }) {
			found = append(found, m[i])
		}
	}
	return found
}
