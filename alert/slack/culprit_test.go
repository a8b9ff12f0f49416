package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/alert/slack"
	"squarewatch/config/golden"
	"squarewatch/probe"

	slackgo "github.com/slack-go/slack"
)

// evidence returns more reasons than a message shows.
func evidence() []probe.Evidence {
	return []probe.Evidence{
		{For: probe.BlameAPI, Text: "Two other probes were answered 500 too", At: at("03:04:02")},
		{For: probe.BlameAPI, Text: "our network is fine: 1.1.1.1:53 answered", At: at("03:04:01")},
		{For: probe.BlameAPI, Text: "a <page> & more"},
		{For: probe.BlameAPI, Text: "this is not shown"},
	}
}

// TestCulprits shows what messages say about each culprit.
func TestCulprits(t *testing.T) {
	var said []string
	for _, culprit := range []probe.Blame{
		probe.BlameAPI, probe.BlameGateway, probe.BlameLoginService, probe.BlameCredential, probe.BlameRole, probe.BlameNetwork,
		probe.BlameResolver, probe.BlameWatcher, probe.BlameLeak, probe.BlameUnknown,
	} {
		for _, i := range []alert.Incident{serverErrors(), unauthenticated()} {
			i.Blame = culprit
			m := slack.Render(notification(alert.EventFiring, "03:04:05", i), slack.Options{TraceURL: traceURL})
			said = append(said, string(culprit)+": "+m.Blocks[1].(*slackgo.SectionBlock).Text.Text)
		}
	}
	golden.Check(t, "testdata/culprits.txt", strings.Join(said, "\n")+"\n", *update)
}

func TestEveryMessageAboutABreachSaysSecurity(t *testing.T) {
	for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
		i := breach()
		if event.Ends() {
			i = resolved(i)
			i.EndReason = "the rule was removed"
		}
		acknowledged := i
		acknowledged.Acknowledged = &alert.Acknowledgement{By: "U0123ABCD", At: at("03:10:00")}
		for _, incident := range []alert.Incident{i, acknowledged} {
			m := slack.Render(notification(event, "03:10:00", incident), slack.Options{})
			first := m.Blocks[1].(*slackgo.SectionBlock).Text.Text
			if !strings.Contains(m.Text, "Security") || !strings.Contains(first, "Security") {
				t.Errorf("%s: want security named, got %q and %q", event, m.Text, first)
			}
		}
	}
}

func TestRunsWithoutACredentialAreNotCalledACredential(t *testing.T) {
	i := unauthenticated()
	for series, want := range map[string]string{"partner": "credential partner", probe.NoCredential: "probes without a credential"} {
		i.Series = series
		text, err := json.Marshal(slack.Render(notification(alert.EventFiring, "03:04:05", i), slack.Options{}).Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) || strings.Contains(string(text), "credential none") {
			t.Errorf("%s: want %q in the message, got %s", series, want, text)
		}
	}
}
