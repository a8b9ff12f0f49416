package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config/golden"
)

// TestReportsGolden compares the messages of reports with golden files. One report has hostile text, and more of it than Slack accepts. The
// end-to-end tests check every golden message with validators that others wrote.
func TestReportsGolden(t *testing.T) {
	for name, report := range map[string]outbox.Report{
		"report": {
			Title: "squarewatch: api.aisquare.studio, 1 October to 8 October 2026",
			Paragraphs: []string{
				"Availability 99.20%: 2,880 finished runs, 23 unexpected.", "99.20% feed: 23 unexpected, 14 missed\n100.00% collections",
			},
		},
		"report-hostile": {
			Title:      "<!channel> *" + strings.Repeat("é", 300),
			Paragraphs: []string{"", "<@U1> & `x`\n" + strings.Repeat("a <b> & c\n", 2000), "\u202e", "d", "e", "f"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := slack.RenderReport(report)
			body, err := json.MarshalIndent(map[string]any{"text": m.Text, "blocks": m.Blocks}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", string(body)+"\n", *update)
		})
	}
}
