package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/golden"
	"squarewatch/config/secret"
)

func newBot(t *testing.T) (*slack.Notifier, *slackstub.Server) {
	t.Helper()
	server := slackstub.New()
	t.Cleanup(server.Close)
	return slack.New(botSettings(server), slack.Options{TraceURL: traceURL}), server
}

func botSettings(server *slackstub.Server) slack.Settings {
	return slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, APIURL: server.API()}
}

func taken(t *testing.T, n *slack.Notifier, note outbox.Notification) string {
	t.Helper()
	ref, err := n.Deliver(t.Context(), note)
	if err != nil {
		t.Fatalf("%s: %v", note.Event, err)
	}
	return ref
}

func TestBotUpdatesItsMessageAndPostsTheChangeInItsThread(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	if got := server.Messages(); len(got) != 1 || !strings.HasPrefix(got[0].Text, "FIRING") || ref == "" {
		t.Fatalf("want one message and its reference, got %+v and %q", got, ref)
	}
	update := messages()["update-overdue"]
	update.Ref = ref
	over := messages()["resolved-500"]
	over.Ref = ref
	if again := taken(t, n, update); again != ref {
		t.Errorf("want the same reference, got %q", again)
	}
	if got := server.Messages(); len(got) != 2 || got[0].Edits != 1 || !strings.HasPrefix(got[0].Text, "FIRING") ||
		got[1].Thread != got[0].TS || got[1].Broadcast || !strings.HasPrefix(got[1].Text, "UPDATE") || !strings.Contains(got[1].Text,
		"<@U0123ABCD>") {
		t.Errorf("want the message changed and a reply, got %+v", got)
	}
	taken(t, n, over)
	got := server.Messages()
	if len(got) != 3 || !strings.HasPrefix(got[0].Text, "RESOLVED") || !strings.Contains(got[0].Blocks, "🟢") || !got[2].Broadcast ||
		!strings.HasPrefix(got[2].Text, "RESOLVED") {
		t.Errorf("want the message to say that it is over, and the reply shown in the channel, got %+v", got)
	}
}

func TestAMessageOfSeveralIncidentsSaysFiringWhileOneFires(t *testing.T) {
	n, server := newBot(t)
	first := messages()["firing-500"]
	other := serverErrors()
	other.ID, other.Series = "server-errors/feed/1", "feed"
	first.Others = []alert.Incident{other}
	ref := taken(t, n, first)
	over := messages()["resolved-500"]
	over.Ref, over.Group = ref, []alert.Incident{other}
	taken(t, n, over)
	if got := server.Messages()[0]; !strings.HasPrefix(got.Text, "FIRING server-errors feed") || !strings.Contains(got.Blocks,
		"Also resolved:* server-errors collections") {
		t.Errorf("want FIRING for the other incident, got %s %s", got.Text, got.Blocks)
	}
	last := messages()["resolved-500"]
	last.Incident, last.Ref, last.Group = resolved(other), ref, []alert.Incident{over.Incident}
	taken(t, n, last)
	if got := server.Messages()[0]; !strings.HasPrefix(got.Text, "RESOLVED") {
		t.Errorf("want RESOLVED, got %s", got.Text)
	}
}

func TestDeletedMessageIsPostedAgain(t *testing.T) {
	n, server := newBot(t)
	note := messages()["resolved-500"]
	note.Ref = slackstub.Channel + "/1.000"
	ref := taken(t, n, note)
	if got := server.Messages(); len(got) != 1 || ref == note.Ref || !strings.HasPrefix(got[0].Text, "RESOLVED") {
		t.Errorf("want a new message, got %+v and %q", got, ref)
	}
}

func TestRefusedFormsAreReplacedByPlainerOnes(t *testing.T) {
	for name, fault := range map[string]slackstub.Fault{"no charts": {NoCharts: true}, "no blocks": {NoBlocks: true}} {
		for _, kind := range []string{"bot", "webhook"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				n, server := newBot(t)
				if kind == "webhook" {
					n = slack.New(slack.Settings{WebhookURL: secret.New(server.Webhook())}, slack.Options{})
				}
				server.Always(fault)
				for range 2 {
					taken(t, n, messages()["firing-confidence"])
				}
				got := server.Messages()
				if len(got) != 2 || strings.Contains(got[0].Blocks, "data_visualization") || !strings.Contains(got[1].Text+got[1].Blocks,
					"true rate 22% to 61%") {
					t.Errorf("want the same message without what Slack refuses, got %+v", got)
				}
			})
		}
	}
	n, server := newBot(t)
	taken(t, n, messages()["firing-confidence"])
	if got := server.Messages(); !strings.Contains(got[0].Blocks, "data_visualization") {
		t.Errorf("want the chart when Slack accepts it, got %s", got[0].Blocks)
	}
}

func TestABotsFailuresSayWhatToDo(t *testing.T) {
	for word, want := range map[string]struct {
		reason, fix string
	}{
		"invalid_auth": {"refused", "bot_token"}, "not_in_channel": {"refused", "invite the bot"}, "channel_not_found": {
			"refused",
			"set channel",
		},
		"is_archived": {"refused", "unarchive"}, "team_not_found": {"refused", "channel's ID"}, "token_expired": {"refused", "make a new app"},
		"external_channel_migrating": {"unavailable", ""}, "message_limit_exceeded": {"unavailable", ""}, "missing_scope": {
			"refused",
			"chat:write",
		}, "some_new_word": {"unavailable", ""},
		"ratelimited": {"rate_limited", ""}, "internal_error": {"unavailable", ""}, "fatal_error": {"unavailable", ""},
	} {
		t.Run(word, func(t *testing.T) {
			n, server := newBot(t)
			server.Always(slackstub.Fault{Word: word})
			_, err := n.Deliver(t.Context(), messages()["firing-500"])
			failure, ok := errors.AsType[*outbox.DeliveryError](err)
			if !ok || failure.Reason != want.reason || failure.Permanent != (want.fix != "") || !strings.Contains(failure.Fix, want.fix) ||
				strings.Contains(err.Error(), slackstub.BotToken) ||
				!strings.Contains(failure.Err.Error(), word) {
				t.Errorf("want %+v, got %+v", want, failure)
			}
		})
	}
	n, server := newBot(t)
	server.Always(slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: "7.2"})
	_, err := n.Deliver(t.Context(), messages()["firing-500"])
	if failure, ok := errors.AsType[*outbox.DeliveryError](err); !ok || failure.RetryAfter != 8*time.Second {
		t.Errorf("want Retry-After obeyed, rounded up, got %v", err)
	}
	limited := httptest.NewServer(answering(http.StatusTooManyRequests, nil, `{"ok":false,"error":"ratelimited","retry_after":9}`))
	defer limited.Close()
	n = slack.New(slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, APIURL: limited.URL}, slack.Options{})
	_, err = n.Deliver(t.Context(), messages()["firing-500"])
	if failure, ok := errors.AsType[*outbox.DeliveryError](err); !ok || failure.RetryAfter != 9*time.Second {
		t.Errorf("want the time in the body obeyed, got %v", err)
	}
}

func TestARetryAfterAFailedReplyPostsOnlyTheReply(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	over := messages()["resolved-500"]
	over.Ref = ref
	server.Once(slackstub.Fault{}, slackstub.Fault{Status: http.StatusBadGateway}) // Slack takes the update and not the reply
	if _, err := n.Deliver(t.Context(), over); err == nil {
		t.Fatal("want the failure of the reply")
	}
	taken(t, n, over)
	if got := server.Messages(); len(got) != 2 || got[0].Edits != 2 {
		t.Errorf("want one message and one reply, got %+v", got)
	}
}

func TestAnIncidentThatFiresAgainIsShownInTheChannel(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	over := messages()["resolved-500"]
	over.Ref = ref
	taken(t, n, over)
	again := messages()["firing-500"]
	again.Incident.Reopened, again.Ref = 1, ref
	taken(t, n, again)
	got := server.Messages()
	if len(got) != 3 || !strings.HasPrefix(got[0].Text, "FIRING") || !got[2].Broadcast || !strings.Contains(got[2].Text, "Fired again") {
		t.Errorf("want the message to fire again, and a message in the channel, got %+v", got)
	}
}

func TestAMessageInALostChannelIsPostedInTheConfiguredChannel(t *testing.T) {
	for _, word := range []string{"channel_not_found", "not_in_channel", "is_archived", "cant_update_message"} {
		n, server := newBot(t)
		note := messages()["update-overdue"]
		note.Ref = "C0OLD/1.000"
		server.Once(slackstub.Fault{Word: word})
		if ref := taken(t, n, note); !strings.HasPrefix(ref, slackstub.Channel+"/") {
			t.Errorf("%s: want the message in the bot's channel, got %q", word, ref)
		}
		if got := server.Messages(); len(got) != 1 || got[0].Thread != "" || !strings.HasPrefix(got[0].Text, "FIRING") {
			t.Errorf("%s: want one message that shows the present state, got %+v", word, got)
		}
	}
}

func TestAProxysRefusalOfABotDoesNotNameAWebhook(t *testing.T) {
	n, server := newBot(t)
	server.Always(slackstub.Fault{Status: http.StatusNotFound})
	_, err := n.Deliver(t.Context(), messages()["firing-500"])
	failure, ok := errors.AsType[*outbox.DeliveryError](err)
	if !ok || !failure.Permanent || !strings.Contains(failure.Fix, "api_url") || strings.Contains(failure.Fix, "webhook") {
		t.Errorf("want a fix of api_url, got %v", err)
	}
}

// TestBotChannelGolden compares the channel after every step of an incident with buttons with the golden file.
func TestBotChannelGolden(t *testing.T) {
	server := slackstub.New()
	t.Cleanup(server.Close)
	n := slack.New(botSettings(server), slack.Options{TraceURL: traceURL, Support: "support@aisquare.studio", Buttons: true})
	seen := messages()["firing-confidence"]
	acknowledged := messages()["firing-confidence"]
	acknowledged.At, acknowledged.Event = at("03:10:00"), alert.EventUpdate
	acknowledged.Incident.Acknowledged = &alert.Acknowledgement{By: "U0123ABCD", At: acknowledged.At}
	overdue := messages()["update-overdue"]
	over := notification(alert.EventResolved, "03:36:50", resolved(overdue.Incident))
	over.Incident.Resolved, over.Incident.Examples = over.At, seen.Incident.Examples
	ref := ""
	var story strings.Builder
	for _, step := range []outbox.Notification{seen, acknowledged, overdue, over} {
		step.Ref = ref
		ref = taken(t, n, step)
		all := server.Messages()
		fmt.Fprintf(&story, "==== %s: the message\n%s\n%s\n", step.Event, all[0].Text, indented(t, all[0].Blocks))
		if last := all[len(all)-1]; last.Thread == all[0].TS {
			fmt.Fprintf(&story, "---- in its thread, shown in the channel too: %v\n%s\n", last.Broadcast, last.Text)
		}
	}
	golden.Check(t, "testdata/bot.txt", story.String(), *update)
}

func indented(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out.String()
}

func FuzzOnlyAMessageThatTheAPIAcceptedIsDelivered(f *testing.F) {
	f.Add(200, "", `{"ok":true,"channel":"C1","ts":"1.2"}`)
	f.Add(200, "1.5", `{"ok":false,"error":"ratelimited"}`)
	f.Add(200, "", `{"ok":false,"error":"missing_scope","needed":"chat:write,<!here>"}`)
	f.Add(429, "-1", `{"ok":true}`)
	f.Add(200, "", `<html>`+slackstub.BotToken)
	f.Fuzz(func(t *testing.T, status int, after, body string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		n := slack.New(slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: "ops", APIURL: "http://127.0.0.1/api"}, slack.Options{
			Client: &http.Client{Transport: roundTrip(func(*http.Request) *http.Response {
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Retry-After": {after}}}
			})},
		})
		for _, ref := range []string{"", "C1/1.2"} {
			note := messages()["firing-500"]
			note.Ref = ref
			_, err := n.Deliver(t.Context(), note)
			var said struct {
				OK bool `json:"ok"`
			}
			if err == nil && (status != http.StatusOK || json.Unmarshal([]byte(body), &said) != nil || !said.OK) {
				t.Errorf("%d %q counts as delivered", status, body)
			}
			if err != nil {
				if got := faultOf(t, err); got.RetryAfter < 0 || got.RetryAfter > 24*time.Hour || strings.Contains(err.Error(), slackstub.BotToken) {
					t.Errorf("retry after %s, %v", got.RetryAfter, err)
				}
			}
		}
	})
}
