package slack_test

import (
	"slices"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"

	slackgo "github.com/slack-go/slack"
)

// TestEveryMessageWithButtonsIsValid checks all messages of a bot against Slack's limits.
func TestEveryMessageWithButtonsIsValid(t *testing.T) {
	for name, n := range messages() {
		for range 300 {
			n.Group = append(n.Group, serverErrors())
		}
		m := slack.Render(n, everything("support@aisquare.studio"))
		checkLimits(t, m)
		buttons := 0
		for _, b := range m.Blocks {
			if b.BlockType() == slackgo.MBTAction {
				buttons++
			}
		}
		if want := 0; n.Event == alert.EventFiring || n.Event == alert.EventUpdate {
			want = 1
			if buttons != want {
				t.Errorf("%s: want %d block of buttons, got %d", name, want, buttons)
			}
		} else if buttons != want {
			t.Errorf("%s: want no buttons when nothing fires, got %d", name, buttons)
		}
	}
}

func TestAButtonNamesTheIncidentsOfItsMessage(t *testing.T) {
	value := func(n outbox.Notification) (actions []string, value string) {
		for _, b := range slack.Render(n, everything("")).Blocks {
			if all, ok := b.(*slackgo.ActionBlock); ok {
				for _, e := range all.Elements.ElementSet {
					actions = append(actions, e.(*slackgo.ButtonBlockElement).ActionID)
					value = e.(*slackgo.ButtonBlockElement).Value
				}
			}
		}
		return actions, value
	}
	n := messages()["firing-500"]
	other, over := serverErrors(), resolved(serverErrors())
	n.Incident.ID, other.ID, over.ID = "a1", "b2", "c3"
	n.Others = []alert.Incident{other, over}
	if actions, got := value(n); got != "a1 b2" || !slices.Equal(actions, []string{"squarewatch_acknowledge", "squarewatch_silence"}) {
		t.Errorf("want both buttons for both that fire, got %s for %q", actions, got)
	}
	n.Others = nil
	n.Incident.Acknowledged = &alert.Acknowledgement{By: "U0123ABCD"}
	if actions, got := value(n); got != "a1" || !slices.Equal(actions, []string{"squarewatch_silence"}) {
		t.Errorf("want no button to acknowledge what is acknowledged, got %s for %q", actions, got)
	}
}

// TestAChartIsValidForEveryWindow checks that the labels of a chart differ, even when the window is only seconds long.
func TestAChartIsValidForEveryWindow(t *testing.T) {
	for _, window := range []time.Duration{2 * time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, time.Hour, 72 * time.Hour} {
		n := messages()["firing-confidence"]
		n.Incident.Window = window
		for i := range n.Incident.Course {
			n.Incident.Course[i].At = at("03:04:05").Add(time.Duration(i-11) * window / 12)
		}
		m := slack.Render(n, slack.Options{})
		checkLimits(t, m)
		if !hasChart(m) {
			t.Errorf("%s: want a chart", window)
		}
		n.Incident.Course[3].At = n.Incident.Course[4].At // as after a step of the clock
		if m := slack.Render(n, slack.Options{}); hasChart(m) {
			t.Errorf("%s: want no chart that Slack would refuse", window)
		}
	}
}

func hasChart(m slack.Message) bool {
	return slices.ContainsFunc(m.Blocks, func(b slackgo.Block) bool { return b.BlockType() == slackgo.MBTDataVisualization })
}
