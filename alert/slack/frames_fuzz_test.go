package slack

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"squarewatch/config/secret"
)

// lastFrame marks the end of what one run of the fuzz target sends.
const lastFrame = "the last frame"

// echo returns both ends of a connection of Socket Mode.
func echo(f *testing.F) (ours, theirs *websocket.Conn) {
	f.Helper()
	accepted := make(chan *websocket.Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil); err == nil {
			accepted <- conn
		}
	}))
	f.Cleanup(server.Close)
	ours, response, err := websocket.DefaultDialer.DialContext(f.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		f.Fatal(err)
	}
	_ = response.Body.Close()
	theirs = <-accepted
	f.Cleanup(func() { _ = theirs.Close() })
	f.Cleanup(func() { _ = ours.Close() })
	return ours, theirs
}

// posts records requests.
type posts struct {
	mu  sync.Mutex
	all []*http.Request
}

// RoundTrip answers as Slack does when it accepts a message.
func (p *posts) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, r)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":true}`))}, nil
}

// FuzzFrame checks what a session does with a frame of Socket Mode. It must acknowledge each envelope once, in an answer that Slack
// accepts. It must not send a token to an address that a frame names.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello"}`, `{"type":"events_api","envelope_id":"e"}`, `{"envelope_id":"e\u001b"}`,
		`{"type":"slash_commands","envelope_id":"e","payload":{"command":"/squarewatch","text":"status","response_url":"https://a.example/"}}`,
		`{"type":"slash_commands","envelope_id":"e","payload":"x"}`,
		`{"type":"interactive","envelope_id":"e","payload":{"type":"block_actions","user":{"id":"U1"},"container":{"message_ts":"1.2",` +
			`"channel_id":"C1"},"response_url":"http://a.example/","actions":[{"type":"button","block_id":"b",` +
			`"action_id":"squarewatch_silence","value":"x"}]}}`,
	} {
		f.Add([]byte(seed))
	}
	ours, theirs := echo(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		var e envelope
		if json.Unmarshal(frame, &e) != nil || e.ID == "" {
			return
		}
		said, actions := &posts{}, 0
		settings := Settings{
			BotToken: secret.New("xoxb-hush"), AppToken: secret.New("xapp-hush"), Channel: "ops", APIURL: "https://slack.example/api",
		}
		n := New(settings, Options{Client: &http.Client{Transport: said}})
		s := &session{
			notifier: n, actions: accepting{&actions}, logger: slog.New(slog.DiscardHandler), running: &sync.WaitGroup{},
			slots: make(chan struct{}, atOnce), conn: ours,
		}
		s.handle(t.Context(), &e)
		s.running.Wait()
		if err := ours.WriteMessage(websocket.TextMessage, []byte(lastFrame)); err != nil {
			t.Fatal(err)
		}
		checkAcknowledged(t, theirs, e.ID)
		for _, r := range said.all {
			if r.URL.Host != "slack.example" && (!isAddress(r.URL.String()) || strings.Contains(r.Header.Get("Authorization"), "hush")) {
				t.Errorf("posted to %s with %v", r.URL, r.Header)
			}
		}
	})
}

// checkAcknowledged reads what was sent until the last frame: one acknowledgement of an envelope.
func checkAcknowledged(t *testing.T, conn *websocket.Conn, id string) {
	t.Helper()
	for n := 0; ; n++ {
		_, text, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if string(text) == lastFrame {
			if n != 1 {
				t.Errorf("want one acknowledgement, got %d", n)
			}
			return
		}
		var got envelope
		if err := json.Unmarshal(text, &got); err != nil || got.ID != id || len(text) > 19_000+6*len(id) {
			t.Errorf("want an acknowledgement of %q, got %.200q, %v", id, text, err)
		}
	}
}
