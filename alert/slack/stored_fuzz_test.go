package slack_test

import (
	"encoding/json"
	"testing"

	"squarewatch/alert"
	"squarewatch/alert/slack"
)

// FuzzMessageOfAStoredIncident renders incidents as a damaged database may hold them. Slack must accept each message.
func FuzzMessageOfAStoredIncident(f *testing.F) {
	for _, n := range messages() {
		text, err := json.Marshal(n.Incident)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"Acknowledged": {"By": "U00000"}}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		var incident alert.Incident
		if json.Unmarshal(stored, &incident) != nil {
			return
		}
		for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
			n := notification(event, "04:00:00", incident)
			n.Others = []alert.Incident{incident}
			checkLimits(t, slack.Render(n, everything("support@example.org")))
		}
	})
}
