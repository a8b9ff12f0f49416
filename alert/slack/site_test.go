package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config/golden"
	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

const site setting.Site = "https://watch.example.org/squarewatch"

// TestLinksToThePages checks that the title links to the incident and each run to its page, with and without addresses of traces.
func TestLinksToThePages(t *testing.T) {
	for _, name := range []string{"firing-500", "firing-401-api", "resolved-500"} {
		n := messages()[name]
		n.Notes = []outbox.Note{{By: "root", At: at("03:05:00"), Text: "asked AISquare"}}
		m := slack.Render(n, slack.Options{TraceURL: traceURL, Site: site})
		checkLimits(t, m)
		body, err := json.MarshalIndent(struct {
			Text   string          `json:"text"`
			Blocks []slackgo.Block `json:"blocks"`
		}{m.Text, m.Blocks}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/site-"+name+".json", string(body)+"\n", *update)
		if incident := "<https://watch.example.org/squarewatch/incident/" + n.Incident.ID + "|"; !strings.Contains(m.Plain(), incident) {
			t.Errorf("want a link %s… in the text, got\n%s", incident, m.Plain())
		}
	}
	for name, n := range messages() {
		steps := "<https://watch.example.org/squarewatch/on-call#" + n.Incident.Section() + "|"
		begins := n.Event == alert.EventFiring || n.Event == alert.EventUpdate
		if got := strings.Contains(slack.Render(n, slack.Options{Site: site}).Plain(), steps); got != begins {
			t.Errorf("%s: want a link to what to do: %v", name, begins)
		}
	}
	n := messages()["firing-500"]
	run := "<https://watch.example.org/squarewatch/run/" + n.Incident.Examples[0].Trace.String() + "|run>"
	for name, test := range map[string]struct {
		options       slack.Options
		run, trace, q bool // the run's page, the trace's page, the identifier of the trace
	}{
		"nothing":          {slack.Options{}, false, false, true},
		"traces":           {slack.Options{TraceURL: traceURL}, false, true, false},
		"pages":            {slack.Options{Site: site}, true, false, false},
		"both":             {slack.Options{Site: site, TraceURL: traceURL}, true, true, false},
		"pages, no traces": {slack.Options{Site: site, TraceURL: traceURL, Untraced: true}, true, false, false},
	} {
		text := slack.Render(n, test.options).Plain()
		for what, want := range map[string]bool{run: test.run, "|trace>": test.trace, "trace `": test.q} {
			if strings.Contains(text, what) != want {
				t.Errorf("%s: want %s: %v, got\n%s", name, what, want, text)
			}
		}
	}
	if title := slack.Render(messages()["test"], slack.Options{Site: site}).Blocks[0]; title.BlockType() != slackgo.MBTHeader {
		t.Errorf("want a test without a link, got %s", title.BlockType())
	}
}

func TestABotAddsANoteToTheThread(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	note := outbox.Note{By: "U0123ABCD", At: at("03:05:00"), Text: "asked <!channel> & <them>"}
	if err := n.AddNote(t.Context(), ref, note); err != nil {
		t.Fatal(err)
	}
	got := server.Messages()
	if len(got) != 2 || got[1].Thread != got[0].TS || !strings.HasPrefix(got[1].Text, "*Note* by <@U0123ABCD> at ") ||
		!strings.HasSuffix(got[1].Text, ": asked &lt;!channel&gt; &amp; &lt;them&gt;") {
		t.Errorf("want the note in the thread, got %+v", got)
	}
	webhook := slack.New(slack.Settings{WebhookURL: secret.New(server.Webhook())}, slack.Options{})
	if err := webhook.AddNote(t.Context(), "", note); err != nil || len(server.Messages()) != 2 {
		t.Errorf("want no message through a webhook, got %v", err)
	}
	server.Close()
	if n.AddNote(t.Context(), ref, note) == nil {
		t.Error("want an error when Slack cannot be reached")
	}
}
