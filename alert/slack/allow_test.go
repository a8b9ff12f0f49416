package slack_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
)

// TestOnlyAllowedPeoplePress has three people: one is listed in slack.allow, one is in a listed group, and one is neither.
func TestOnlyAllowedPeoplePress(t *testing.T) {
	_, server := newBot(t)
	server.SetGroup("S0GROUP1", "UINGROUP1")
	settings := botSettings(server)
	settings.AppToken, settings.Allow = secret.New(slackstub.AppToken), []string{"UALLOWED1", "S0GROUP1"}
	if err := settings.Validate(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	commands, n := newRecorder(), slack.New(settings, slack.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.Listen(ctx, commands, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	waitFor(t, func() bool { return server.Connected() >= 1 && n.CommandState().Connected })
	for i, action := range []string{"squarewatch_silence", "squarewatch_acknowledge"} {
		if _, err := server.PressButton("USTRANGER", action, "0123456789ab"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return len(server.Responses()) == i+1 })
	}
	if _, err := server.SlashCommand("USTRANGER", "status"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(server.Responses()) == 3 })
	for _, said := range server.Responses() {
		if !strings.Contains(said, "Not done") || !strings.Contains(said, "ephemeral") {
			t.Errorf("want a refusal, got %s", said)
		}
	}
	if len(commands.asked) > 0 {
		t.Errorf("want no command carried out, got %s", <-commands.asked)
	}
	for _, user := range []string{"UALLOWED1", "UINGROUP1"} {
		if _, err := server.PressButton(user, "squarewatch_acknowledge", "0123456789ab"); err != nil {
			t.Fatal(err)
		}
		if got := nextAction(t, commands.asked); got != "acknowledge 0123456789ab by "+user {
			t.Errorf("got %s", got)
		}
	}
	if _, err := server.SlashCommand("UINGROUP1", "status"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(server.Responses()) == 4 })
	if said := server.Responses()[3]; !strings.Contains(said, "All is well") {
		t.Errorf("want the overview, got %s", said)
	}
	cancel()
	<-ended
	if strings.Count(log.String(), "the user is not in slack.allow") != 3 || !strings.Contains(log.String(), "by=USTRANGER") {
		t.Errorf("want each refusal in the log, got %s", log.String())
	}
}

func TestTheThreadShowsWhoSilenced(t *testing.T) {
	n, server := newBot(t)
	if _, err := n.Deliver(t.Context(), messages()["firing-500"]); err != nil {
		t.Fatal(err)
	}
	listening(t, server, newRecorder())
	if _, err := server.PressButton("U0123ABCD", "squarewatch_silence", "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(server.Messages()) == 2 })
	all := server.Messages()
	if all[1].Thread != all[0].TS || !strings.Contains(all[1].Text, "<@U0123ABCD> silenced this until") {
		t.Errorf("want it in the thread, got %+v", all[1])
	}
}

func TestAnAnnouncementContainsNoMention(t *testing.T) {
	n, server := newBot(t)
	if err := n.Announce(t.Context(), "eve silenced everything: <!channel> & more"); err != nil {
		t.Fatal(err)
	}
	got := server.Messages()
	if len(got) != 1 || strings.Contains(got[0].Text, "<!channel>") || !strings.Contains(got[0].Text, "eve silenced everything") {
		t.Errorf("want the announcement without a mention, got %+v", got)
	}
}

func TestAllowTakesOnlyIDs(t *testing.T) {
	_, server := newBot(t)
	settings := botSettings(server)
	settings.AppToken, settings.Allow = secret.New(slackstub.AppToken), []string{"@ada"}
	if err := settings.Validate(); err == nil || !strings.Contains(err.Error(), "allow holds @ada, which is not an ID of Slack") {
		t.Errorf("want a name refused, got %v", err)
	}
	settings.AppToken, settings.Allow = secret.Text{}, []string{"U0123ABCD"}
	if err := settings.Validate(); err == nil || !strings.Contains(err.Error(), "has no effect without app_token") {
		t.Errorf("want a list without buttons refused, got %v", err)
	}
}
