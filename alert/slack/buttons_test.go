package slack

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// accepting accepts every action and counts the actions.
type accepting struct{ actions *int }

func (a accepting) Acknowledge(string, string) error {
	*a.actions++
	return nil
}

func (a accepting) Silence(string, string, time.Duration) (time.Time, error) {
	*a.actions++
	return time.Time{}, nil
}

func (accepting) Overview() outbox.Overview { return outbox.Overview{} }

// FuzzPress checks that only our own buttons do something, for a bounded number of incidents. The answer must be short, and must mention at
// most the person who pressed.
func FuzzPress(f *testing.F) {
	f.Add([]byte(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"type":"button","block_id":"b",` +
		`"action_id":"squarewatch_acknowledge","value":"x"}]}`))
	f.Add([]byte(`{"user":{"id":"U1><!channel>"},"actions":[{"block_id":"b","action_id":"squarewatch_silence","value":"x y"}]}`))
	f.Add([]byte(`{"actions":[{"block_id":"b"},{}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var callback slack.InteractionCallback
		if json.Unmarshal(payload, &callback) != nil {
			return
		}
		actions := 0
		done := press(&callback, accepting{&actions})
		if ours := bytes.Contains(payload, []byte("squarewatch_")) || bytes.ContainsRune(payload, '\\'); actions > 0 && !ours {
			t.Errorf("%d actions without a button of ours", actions)
		}
		if limit := cutValue * len(callback.ActionCallback.BlockActions); actions > limit {
			t.Errorf("%d actions, want at most %d", actions, limit)
		}
		for _, text := range []string{done.reply, done.thread} {
			text = strings.ReplaceAll(text, "<!date^", "")
			if len(text) > 1000 || strings.ContainsAny(text, "\n\r\x00\x1b") || strings.Contains(text, "<!") {
				t.Errorf("want a short line without a mention of a channel, got %q", text)
			}
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
