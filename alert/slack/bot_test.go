package slack_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
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

func taken(t *testing.T, n *slack.Notifier, note alert.Notification) string {
	t.Helper()
	ref, err := n.Deliver(t.Context(), note)
	if err != nil {
		t.Fatalf("%s: %v", note.Event, err)
	}
	return ref
}

func TestABotChangesItsMessageAndTellsTheChangeInItsThread(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	if got := server.Messages(); len(got) != 1 || !strings.HasPrefix(got[0].Text, "FIRING") || ref == "" {
		t.Fatalf("want one message and its reference, got %+v and %q", got, ref)
	}
	update := messages()["update-overdue"]
	update.Ref, update.Told = ref, alert.EventFiring
	over := messages()["resolved-500"]
	over.Ref, over.Told = ref, alert.EventUpdate
	if again := taken(t, n, update); again != ref {
		t.Errorf("want the same reference, got %q", again)
	}
	if got := server.Messages(); len(got) != 2 || got[0].Edits != 1 || !strings.HasPrefix(got[0].Text, "FIRING") ||
		got[1].Thread != got[0].TS || got[1].Broadcast || !strings.HasPrefix(got[1].Text, "UPDATE") || !strings.Contains(got[1].Text, "<@U0123ABCD>") {
		t.Errorf("want the message changed and a reply, got %+v", got)
	}
	taken(t, n, over)
	got := server.Messages()
	if len(got) != 3 || !strings.HasPrefix(got[0].Text, "RESOLVED") || !strings.Contains(got[0].Blocks, "🟢") || !got[2].Broadcast || !strings.HasPrefix(got[2].Text, "RESOLVED") {
		t.Errorf("want the message to say that it is over, and the reply shown in the channel, got %+v", got)
	}
}

func TestAMessageOfSeveralFiresWhileOneOfThemDoes(t *testing.T) {
	n, server := newBot(t)
	first := messages()["firing-500"]
	other := serverErrors()
	other.ID, other.Series = "server-errors/feed/1", "feed"
	first.Others = []alert.Incident{other}
	ref := taken(t, n, first)
	over := messages()["resolved-500"]
	over.Ref, over.Group = ref, []alert.Incident{other}
	taken(t, n, over)
	if got := server.Messages()[0]; !strings.HasPrefix(got.Text, "FIRING server-errors feed") || !strings.Contains(got.Blocks, "Also resolved:* server-errors collections") {
		t.Errorf("want the other one firing still, got %s %s", got.Text, got.Blocks)
	}
	last := messages()["resolved-500"]
	last.Incident, last.Ref, last.Group = resolved(other), ref, []alert.Incident{over.Incident}
	taken(t, n, last)
	if got := server.Messages()[0]; !strings.HasPrefix(got.Text, "RESOLVED") {
		t.Errorf("want all over, got %s", got.Text)
	}
}

func TestAMessageThatIsGoneIsPostedAnew(t *testing.T) {
	n, server := newBot(t)
	note := messages()["resolved-500"]
	note.Ref = slackstub.Channel + "/1.000"
	ref := taken(t, n, note)
	if got := server.Messages(); len(got) != 1 || ref == note.Ref || !strings.HasPrefix(got[0].Text, "RESOLVED") {
		t.Errorf("want a new message, got %+v and %q", got, ref)
	}
}

func TestWhatSlackDoesNotTakeGoesPlainer(t *testing.T) {
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
				if len(got) != 2 || strings.Contains(got[0].Blocks, "data_visualization") || !strings.Contains(got[1].Text+got[1].Blocks, "between 22% and 61%") {
					t.Errorf("want the same without what is refused, got %+v", got)
				}
			})
		}
	}
	n, server := newBot(t)
	taken(t, n, messages()["firing-confidence"])
	if got := server.Messages(); !strings.Contains(got[0].Blocks, "data_visualization") {
		t.Errorf("want the chart where it is taken, got %s", got[0].Blocks)
	}
}

func TestABotsFailuresSayWhatToDo(t *testing.T) {
	for word, want := range map[string]struct {
		reason, fix string
	}{
		"invalid_auth": {"refused", "bot_token"}, "not_in_channel": {"refused", "invite the bot"}, "channel_not_found": {"refused", "into channel"},
		"is_archived": {"refused", "unarchive"}, "missing_scope": {"refused", "chat:write"}, "some_new_word": {"refused", "documentation"},
		"ratelimited": {"rate_limited", ""}, "internal_error": {"unavailable", ""}, "fatal_error": {"unavailable", ""},
	} {
		t.Run(word, func(t *testing.T) {
			n, server := newBot(t)
			server.Always(slackstub.Fault{Word: word})
			_, err := n.Deliver(t.Context(), messages()["firing-500"])
			failure, ok := errors.AsType[*alert.DeliveryError](err)
			if !ok || failure.Reason != want.reason || failure.Permanent != (want.fix != "") || !strings.Contains(failure.Fix, want.fix) || strings.Contains(err.Error(), slackstub.BotToken) {
				t.Errorf("want %+v, got %+v", want, failure)
			}
		})
	}
	n, server := newBot(t)
	server.Always(slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: "7.2"})
	_, err := n.Deliver(t.Context(), messages()["firing-500"])
	if failure, ok := errors.AsType[*alert.DeliveryError](err); !ok || failure.RetryAfter != 8*time.Second {
		t.Errorf("want Retry-After obeyed, rounded up, got %v", err)
	}
}

func TestARetryAfterHalfADeliveryRepeatsNothingVisible(t *testing.T) {
	n, server := newBot(t)
	ref := taken(t, n, messages()["firing-500"])
	over := messages()["resolved-500"]
	over.Ref = ref
	server.Once(slackstub.Fault{}, slackstub.Fault{Status: http.StatusBadGateway}) // the change is taken, the reply is not
	if _, err := n.Deliver(t.Context(), over); err == nil {
		t.Fatal("want the failure of the reply")
	}
	taken(t, n, over)
	if got := server.Messages(); len(got) != 2 || got[0].Edits != 2 {
		t.Errorf("want one message and one reply, got %+v", got)
	}
}

// counter is a desk that notes what it is asked for.
type counter struct {
	asked chan string

	mu    sync.Mutex
	fails map[string]error // by incident
	now   alert.Overview
}

func newCounter() *counter { return &counter{asked: make(chan string, 100)} }

// set changes what the desk says from now on.
func (c *counter) set(fails map[string]error, now alert.Overview) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails, c.now = fails, now
}

func (c *counter) failure(incident string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fails[incident]
}

func (c *counter) Acknowledge(incident, by string) error {
	c.asked <- "acknowledge " + incident + " by " + by
	return c.failure(incident)
}

func (c *counter) Silence(incident, by string, length time.Duration) (time.Time, error) {
	c.asked <- "silence " + incident + " by " + by + " for " + length.String()
	return at("04:00:00"), c.failure(incident)
}

func (c *counter) Overview() alert.Overview {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// patience is a bound that is never reached unless something is wrong.
const patience = 20 * time.Second

// listening runs Listen until the test ends, and waits until it is connected.
func listening(t *testing.T, server *slackstub.Server, desk alert.Desk) {
	t.Helper()
	settings := botSettings(server)
	settings.AppToken = secret.New(slackstub.AppToken)
	n := slack.New(settings, slack.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Listen(ctx, desk) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("want no error of a stop, got %v", err)
		}
	})
	waitFor(t, func() bool { return server.Opened() >= 1 })
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(patience)
	for !done() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatal("it did not come about")
		}
	}
}

func heardOf(t *testing.T, asked <-chan string) string {
	t.Helper()
	select {
	case text := <-asked:
		return text
	case <-time.After(patience):
		t.Fatal("the desk was not asked")
		return ""
	}
}

func TestButtonsAskTheDesk(t *testing.T) {
	_, server := newBot(t)
	desk := newCounter()
	listening(t, server, desk)
	envelope, err := server.PressButton("U0123ABCD", "squarewatch_acknowledge", "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	if got := heardOf(t, desk.asked); got != "acknowledge 0123456789ab by U0123ABCD" {
		t.Errorf("got %s", got)
	}
	if _, err := server.Ack(envelope, patience); err != nil {
		t.Error(err)
	}
	desk.set(map[string]error{"0123456789ab": errors.New("it fires no more <!channel>")}, alert.Overview{})
	if _, err := server.PressButton("U0123ABCD", "squarewatch_silence", "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	if got := heardOf(t, desk.asked); got != "silence 0123456789ab by U0123ABCD for 1h0m0s" {
		t.Errorf("got %s", got)
	}
	waitFor(t, func() bool { return len(server.Responses()) == 1 })
	if got := server.Responses()[0]; !strings.Contains(got, "Not silenced: it fires no more") || strings.Contains(got, "<!channel>") || !strings.Contains(got, "ephemeral") {
		t.Errorf("want the person told why not, and nobody mentioned, got %s", got)
	}
}

func TestTheCommandTellsHowItStands(t *testing.T) {
	_, server := newBot(t)
	desk := newCounter()
	desk.set(nil, alert.Overview{
		Incidents: []alert.Incident{serverErrors()},
		Silences: []alert.Silence{{ID: "s1", Until: at("05:00:00"), By: "U0123ABCD", Comment: "deploy <!here>"}},
		Backlog:  []alert.Backlog{{Notifier: "ops", Pending: 2, OldestAge: 90 * time.Second, LastError: "network: no"}},
	})
	listening(t, server, desk)
	for text, want := range map[string][]string{
		"status": {"*server-errors collections* since", "8 of 20 runs (40%", "silence s1 until", "ops: 2 waiting, the oldest for 1m 30s"},
		"help":   {"/squarewatch status"},
	} {
		envelope, err := server.SlashCommand("U0123ABCD", text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := server.Ack(envelope, patience)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(got), part) || strings.Contains(string(got), "<!here>") {
				t.Errorf("%s: want %q and no mention, got %s", text, part, got)
			}
		}
	}
	desk.set(nil, alert.Overview{Series: []alert.Status{{Rule: "a", Series: "x"}, {Rule: "a", Series: "y"}, {Rule: "b", Series: "x"}}})
	envelope, err := server.SlashCommand("U0123ABCD", "status")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := server.Ack(envelope, patience); err != nil || !strings.Contains(string(got), "All is well: nothing fires. Watched: 2 series by 2 rules.") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestABrokenConnectionIsMadeAnew(t *testing.T) {
	_, server := newBot(t)
	listening(t, server, newCounter())
	server.DropConnection()
	waitFor(t, func() bool { return server.Opened() >= 2 })
}

func TestAWrongAppTokenIsForAPerson(t *testing.T) {
	_, server := newBot(t)
	settings := botSettings(server)
	settings.AppToken = secret.New("xapp-wrong")
	err := slack.New(settings, slack.Options{}).Listen(t.Context(), newCounter())
	if err == nil || !strings.Contains(err.Error(), "app_token") || strings.Contains(err.Error(), "xapp-wrong") {
		t.Errorf("want an error that says what to do and no token, got %v", err)
	}
	if err := slack.New(botSettings(server), slack.Options{}).Listen(t.Context(), newCounter()); err != nil {
		t.Errorf("want nothing to listen to without a token, got %v", err)
	}
}

func TestSettingsAreOneWay(t *testing.T) {
	token := secret.New("x")
	for name, bad := range map[string]slack.Settings{
		"nothing":              {},
		"both":                 {WebhookURL: secret.New("https://hooks.example.org/x"), BotToken: token, Channel: "ops"},
		"no channel":           {BotToken: token},
		"a channel alone":      {Channel: "ops"},
		"an app without a bot": {AppToken: token},
		"plain http":           {BotToken: token, Channel: "ops", APIURL: "http://slack.example.org"},
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%s: want a fault", name)
		}
	}
}
