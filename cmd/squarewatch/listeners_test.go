package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
	"squarewatch/probe/aisquaretest"
)

// TestButtonsThatDoNotWorkAreShown runs a daemon whose app token Slack first refuses and later accepts.
func TestButtonsThatDoNotWorkAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stub := slackstub.NewSlack("http://127.0.0.1")
		stub.Always(slackstub.Fault{Word: "invalid_auth"})
		pipe := aisquaretest.NewPipe(stub)
		defer pipe.Shutdown()
		transport := &http.Transport{DialContext: pipe.Dial}
		defer transport.CloseIdleConnections()
		notifier := slack.New(slack.Settings{
			BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, AppToken: secret.New(slackstub.AppToken), APIURL: stub.API(),
		}, slack.Options{Client: &http.Client{Transport: transport}})
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, notifier)
		})
		defer s.stop()
		s.after(time.Minute)
		shows := func(path string, parts ...string) {
			t.Helper()
			_, body := s.get(path)
			for _, part := range parts {
				if !strings.Contains(body, part) {
					t.Errorf("%s: want %s in\n%s", path, part, body)
				}
			}
		}
		shows("/api/v1/status", `"listening":false`, `"listening_error":"refused: listen to Slack: invalid_auth`, "into app_token")
		shows("/metrics", `squarewatch_notify_listening{notifier="ops"} 0`)
		stub.Always(slackstub.Fault{})
		s.after(15 * time.Minute)
		shows("/api/v1/status", `"listening":true`)
		shows("/metrics", `squarewatch_notify_listening{notifier="ops"} 1`)
	})
}

func TestStatusShowsWhetherButtonsWork(t *testing.T) {
	for want, state := range map[string]outbox.CommandState{
		"":                           {},
		"work":                       {Wanted: true, Connected: true},
		"connecting":                 {Wanted: true},
		"do not work: refused: no …": {Wanted: true, Fault: "refused: no …"},
	} {
		n := notifierOf(&outbox.Backlog{Commands: state})
		if got := n.buttons(); got != want {
			t.Errorf("%+v: want %q, got %q", state, want, got)
		}
	}
}
