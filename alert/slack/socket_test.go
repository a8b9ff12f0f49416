package slack_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
)

// recorder records the actions that it receives.
type recorder struct {
	asked chan string

	mu    sync.Mutex
	fails map[string]error // by incident
	now   outbox.Overview
}

func newRecorder() *recorder { return &recorder{asked: make(chan string, 100)} }

// set changes the error that later actions return.
func (r *recorder) set(fails map[string]error, now outbox.Overview) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails, r.now = fails, now
}

func (r *recorder) failure(incident string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fails[incident]
}

func (r *recorder) Acknowledge(incident, by string) error {
	r.asked <- "acknowledge " + incident + " by " + by
	return r.failure(incident)
}

func (r *recorder) Silence(incident, by string, length time.Duration) (time.Time, error) {
	r.asked <- "silence " + incident + " by " + by + " for " + length.String()
	return at("04:00:00"), r.failure(incident)
}

func (r *recorder) Overview() outbox.Overview {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// patience limits how long a test waits for something that must come.
const patience = 20 * time.Second

// listening runs Listen until the test ends, and waits until it is connected.
func listening(t *testing.T, server *slackstub.Server, actions outbox.Commands) {
	t.Helper()
	settings := botSettings(server)
	settings.AppToken = secret.New(slackstub.AppToken)
	n := slack.New(settings, slack.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.Listen(ctx, actions, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	waitFor(t, func() bool { return server.Connected() >= 1 && n.CommandState().Connected })
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
			t.Fatal("the state that the test waits for did not come")
		}
	}
}

func nextAction(t *testing.T, asked <-chan string) string {
	t.Helper()
	select {
	case text := <-asked:
		return text
	case <-time.After(patience):
		t.Fatal("no action was asked for")
		return ""
	}
}

func TestButtonsPerformTheirActions(t *testing.T) {
	_, server := newBot(t)
	actions := newRecorder()
	listening(t, server, actions)
	envelope, err := server.PressButton("U0123ABCD", "squarewatch_acknowledge", "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	if got := nextAction(t, actions.asked); got != "acknowledge 0123456789ab by U0123ABCD" {
		t.Errorf("got %s", got)
	}
	if _, err := server.Ack(envelope, patience); err != nil {
		t.Error(err)
	}
	actions.set(map[string]error{"0123456789ab": errors.New("it no longer fires <!channel>")}, outbox.Overview{})
	if _, err := server.PressButton("U0123ABCD", "squarewatch_silence", "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	if got := nextAction(t, actions.asked); got != "silence 0123456789ab by U0123ABCD for 1h0m0s" {
		t.Errorf("got %s", got)
	}
	waitFor(t, func() bool { return len(server.Responses()) == 1 })
	if late := server.Late(); len(late) > 0 {
		t.Errorf("want every press acknowledged in time, got %v late", late)
	}
	if got := server.Responses()[0]; !strings.Contains(got, "Not silenced: it no longer fires") || strings.Contains(got, "<!channel>") ||
		!strings.Contains(got, "ephemeral") {
		t.Errorf("want an answer to the person that says why, without a mention, got %s", got)
	}
}

func TestCommandShowsTheStatus(t *testing.T) {
	_, server := newBot(t)
	actions := newRecorder()
	actions.set(nil, outbox.Overview{
		Incidents:   []alert.Incident{serverErrors()},
		Maintenance: []alert.Silence{{ID: "maintenance nightly", Until: at("04:00:00")}},
		Silences:    []alert.Silence{{ID: "s1", Until: at("05:00:00"), By: "U0123ABCD", Comment: "deploy <!here>"}},
		Backlog:     []outbox.Backlog{{Notifier: "ops", Pending: 2, OldestAge: 90 * time.Second, LastError: "network: no"}},
	})
	listening(t, server, actions)
	for text, want := range map[string][]string{
		"status": {
			"*server-errors collections* since", "8 of 20 runs (40%", "silence s1 until", "🔧 maintenance nightly until",
			"ops: 2 waiting, the oldest for 1m 30s",
		},
		"help": {"/squarewatch status"},
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
	actions.set(nil, outbox.Overview{Series: []alert.Status{{Rule: "a", Series: "x"}, {Rule: "a", Series: "y"}, {Rule: "b", Series: "x"}}})
	envelope, err := server.SlashCommand("U0123ABCD", "status")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := server.Ack(envelope, patience); err != nil || !strings.Contains(string(got),
		"All is well: nothing fires. Watched: 2 series by 2 rules.") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestBrokenConnectionIsReplaced(t *testing.T) {
	_, server := newBot(t)
	listening(t, server, newRecorder())
	server.DropConnection()
	waitFor(t, func() bool { return server.Opened() >= 2 })
}

func TestListenReturnsWithoutAnAppToken(t *testing.T) {
	_, server := newBot(t)
	n := slack.New(botSettings(server), slack.Options{})
	n.Listen(t.Context(), newRecorder(), slog.New(slog.DiscardHandler))
	if got := n.CommandState(); got != (outbox.CommandState{}) || server.Asked() != 0 {
		t.Errorf("want no connection, got %+v and %d requests", got, server.Asked())
	}
}

func TestAButtonOfSeveralIncidentsActsOnAll(t *testing.T) {
	_, server := newBot(t)
	actions := newRecorder()
	actions.set(map[string]error{"a1": errors.New("it no longer fires")}, outbox.Overview{})
	listening(t, server, actions)
	if _, err := server.PressButton("U0123ABCD", "squarewatch_acknowledge", "a1 b2"); err != nil {
		t.Fatal(err)
	}
	if first, second := nextAction(t, actions.asked), nextAction(t, actions.asked); first != "acknowledge a1 by U0123ABCD" ||
		second != "acknowledge b2 by U0123ABCD" {
		t.Errorf("want both asked for, got %s and %s", first, second)
	}
	if _, err := server.PressButton("U0123ABCD", "squarewatch_acknowledge", "a1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(server.Responses()) > 0 })
	if got := server.Responses(); len(got) != 1 || !strings.Contains(got[0], "Not acknowledged: it no longer fires") {
		t.Errorf("want an answer only to the press that did nothing, got %v", got)
	}
}

// TestUnreadableFramesChangeNothing sends what Slack never sends. The notifier may connect again, but must work afterwards.
func TestUnreadableFramesChangeNothing(t *testing.T) {
	_, server := newBot(t)
	actions := newRecorder()
	listening(t, server, actions)
	for _, frame := range []string{
		"", "{", "null", "[]", "1", `"x"`, "\xff\xfe", `{"type":"hello"}`, `{"type":7}`, `{"type":"unheard_of","envelope_id":"e"}`,
		`{"type":"interactive","envelope_id":"e"}`, `{"type":"interactive","envelope_id":"e","payload":null}`,
		`{"type":"interactive","envelope_id":"e","payload":{"type":"block_actions","actions":[null,{"action_id":"squarewatch_silence"}]}}`,
		`{"type":"interactive","envelope_id":"e","payload":{"type":"view_submission","actions":{}}}`,
		`{"type":"slash_commands","envelope_id":"e","payload":[]}`, `{"type":"slash_commands","payload":{"text":null}}`,
		`{"type":"events_api","envelope_id":"e","payload":{"type":"event_callback","event":{"type":"message"}}}`,
		`{"type":"events_api","envelope_id":"e","payload":"` + strings.Repeat("x", 2<<20) + `"}`,
		`{"type":"disconnect","reason":"refresh_requested"}`,
	} {
		waitFor(t, func() bool { return server.SendFrame(frame) == nil })
	}
	waitFor(t, func() bool {
		_, err := server.PressButton("U0123ABCD", "squarewatch_acknowledge", "0123456789ab")
		return err == nil && len(actions.asked) > 0
	})
	if got := nextAction(t, actions.asked); got != "acknowledge 0123456789ab by U0123ABCD" {
		t.Errorf("got %s", got)
	}
}

func TestHangingAnswerDoesNotDelayOthers(t *testing.T) {
	_, server := newBot(t)
	actions := newRecorder()
	actions.set(map[string]error{"a1": errors.New("it no longer fires")}, outbox.Overview{})
	listening(t, server, actions)
	hangs := make(chan struct{})
	reached := make(chan struct{}, 1)
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-hangs
	}))
	defer hanging.Close()
	defer close(hangs)
	if _, err := server.Send("interactive", map[string]any{
		"type": "block_actions", "response_url": hanging.URL, "actions": []map[string]any{{
			"type": "button", "block_id": "b",
			"action_id": "squarewatch_acknowledge", "value": "a1",
		}},
	}); err != nil {
		t.Fatal(err)
	}
	<-reached
	envelope, err := server.SlashCommand("U0123ABCD", "status")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Ack(envelope, patience); err != nil {
		t.Error(err)
	}
}

func TestNoGoroutineIsLeftAfterListening(t *testing.T) {
	_, server := newBot(t)
	settings := botSettings(server)
	settings.AppToken = secret.New(slackstub.AppToken)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		slack.New(settings, slack.Options{}).Listen(ctx, newRecorder(), slog.New(slog.DiscardHandler))
	}()
	waitFor(t, func() bool {
		return server.Connected() == 1 && strings.Contains(goroutines(t), "slack.(*session).serve")
	})
	cancel()
	<-ended
	if strings.Contains(goroutines(t), "slack.(*session)") {
		t.Error("want no goroutine of a session left")
	}
}

func goroutines(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Fatal(err)
	}
	return all.String()
}
