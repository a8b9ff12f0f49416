package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// quiet accepts every action.
type quiet struct{}

func (quiet) Acknowledge(string, string) error { return nil }
func (quiet) Silence(string, string, time.Duration) (time.Time, error) {
	return time.Time{}, nil
}
func (quiet) Overview() outbox.Overview { return outbox.Overview{} }

func FuzzPress(f *testing.F) {
	f.Add([]byte(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"type":"button","block_id":"b",` +
		`"action_id":"squarewatch_acknowledge","value":"x"}]}`))
	f.Add([]byte(`{"actions":[{"block_id":"b"},{}]}`))
	f.Fuzz(func(_ *testing.T, payload []byte) {
		var callback slack.InteractionCallback
		if json.Unmarshal(payload, &callback) == nil {
			_ = press(&callback, quiet{})
		}
	})
}

func TestTheOverviewIsBounded(t *testing.T) {
	now := outbox.Overview{
		Incidents: make([]alert.Incident, 100), Silences: make([]alert.Silence, 100), Backlog: make([]outbox.Backlog, 100),
	}
	for i := range 100 {
		now.Incidents[i].Rule, now.Incidents[i].Series = strings.Repeat("r", 1000), strings.Repeat("<", 1000)
		now.Silences[i].Comment = strings.Repeat("&", 5000)
		now.Backlog[i] = outbox.Backlog{Pending: 1, LastError: strings.Repeat(">", 5000)}
	}
	if got := len(overview(&now)); got > 19_000 {
		t.Errorf("want less than the 20 kB that Slack takes, got %d", got)
	}
}
