package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"squarewatch/alert/outbox"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
)

const (
	frameLimit = 1 << 20          // bytes of one frame; Slack's are of some kilobytes
	atOnce     = 16               // button presses that are handled at the same time
	idleLimit  = 30 * time.Second // Slack pings more often than that; slack-go uses the same limit
	ackLimit   = 3 * time.Second  // within which Slack expects an acknowledgement: https://docs.slack.dev/apis/events-api/using-socket-mode
)

var (
	errBroken     = errors.New("the connection of Socket Mode broke")
	errNoGreeting = errors.New("no greeting came over the connection of Socket Mode")
	errDisabled   = errors.New("link_disabled: Socket Mode is turned off for the app")
)

// session is one connection of Socket Mode.
type session struct {
	notifier *Notifier
	actions  outbox.Commands
	logger   *slog.Logger
	running  *sync.WaitGroup
	slots    chan struct{}
	conn     *websocket.Conn
	writing  sync.Mutex
}

// envelope is one message from Slack over the connection.
type envelope struct {
	Type    string          `json:"type"` // hello, disconnect, interactive, slash_commands, events_api
	Reason  string          `json:"reason"`
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
}

// open opens the connection and waits for Slack's greeting.
func (s *session) open(ctx context.Context) *outbox.DeliveryError {
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	api, recorder := s.notifier.apiWith(doingListen, keyAppToken)
	info, _, err := api.StartSocketModeContext(limited)
	if fault := recorder.result(limited, err).failure(); fault != nil {
		return fault
	}
	if err != nil || !isSecure(info.URL, "wss", "ws") {
		return broken(errNoURL)
	}
	conn, response, err := s.notifier.dialer().DialContext(limited, info.URL, nil)
	if response != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return outbox.NoAnswer(limited, doingListen, err)
	}
	s.conn = conn
	conn.SetReadLimit(frameLimit)
	conn.SetPingHandler(func(data string) error {
		s.extendDeadline()
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(ackLimit))
	})
	return s.awaitGreeting(ctx)
}

// awaitGreeting waits for Slack's greeting. Slack may refuse the connection instead.
func (s *session) awaitGreeting(ctx context.Context) (fault *outbox.DeliveryError) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	defer func() {
		if fault != nil {
			_ = s.conn.Close()
		}
	}()
	s.extendDeadline()
	_, frame, err := s.conn.ReadMessage()
	if err != nil {
		return broken(errBroken)
	}
	var e envelope
	if json.Unmarshal(frame, &e) != nil || e.Type != "hello" {
		if e.Type == "disconnect" {
			return disconnected(e.Reason)
		}
		return broken(errNoGreeting)
	}
	s.notifier.connection.opened(ctx, s.logger)
	return nil
}

// extendDeadline extends the read deadline. Call it whenever something was received.
func (s *session) extendDeadline() { _ = s.conn.SetReadDeadline(time.Now().Add(idleLimit)) }

func broken(cause error) *outbox.DeliveryError {
	return &outbox.DeliveryError{Reason: outbox.ReasonNetwork, Err: fmt.Errorf("%s: %w", doingListen, cause)}
}

// disconnected returns the fault behind Slack's reason to end a connection; nil when a new connection will work.
func disconnected(reason string) *outbox.DeliveryError {
	if reason == "link_disabled" {
		return &outbox.DeliveryError{
			Reason: outbox.ReasonRefused, Permanent: true, Err: fmt.Errorf("%s: %w", doingListen, errDisabled),
			Fix: "turn Socket Mode on for the app under Settings, Socket Mode; or remove app_token, which disables buttons",
		}
	}
	return nil
}

// serve handles what Slack sends until the connection ends. It returns the reason; nil when Slack asked for another connection. It closes
// warned when Slack announces that it will end the connection.
func (s *session) serve(ctx context.Context, warned chan<- struct{}) *outbox.DeliveryError {
	serving, end := context.WithCancel(ctx)
	defer end()
	s.running.Go(func() { // part of running, so that Listen waits for it
		<-serving.Done()
		_ = s.conn.Close()
	})
	var leaving sync.Once
	asked := false // Slack has asked for another connection
	for {
		_, frame, err := s.conn.ReadMessage()
		switch {
		case err != nil && asked:
			return nil
		case err != nil:
			return broken(errBroken)
		}
		s.extendDeadline()
		var e envelope
		if json.Unmarshal(frame, &e) != nil {
			continue
		}
		switch {
		case e.Type == "disconnect" && e.Reason == "warning":
			asked = true
			leaving.Do(func() { close(warned) })
		case e.Type == "disconnect":
			return disconnected(e.Reason)
		case e.ID != "":
			s.handle(ctx, &e)
		}
	}
}

// handle acknowledges an envelope and performs its action. Without slack.allow, the acknowledgement of a command also holds its answer.
func (s *session) handle(ctx context.Context, e *envelope) {
	switch e.Type {
	case "slash_commands":
		var command slack.SlashCommand
		if json.Unmarshal(e.Payload, &command) == nil {
			if len(s.notifier.settings.Allow) > 0 { // looking up a user group may take longer than Slack waits
				s.acknowledge(e.ID, nil)
				s.running.Go(func() { withSlot(ctx, s.slots, func() { s.handleCommand(ctx, &command) }) })
				return
			}
			s.acknowledge(e.ID, slash(command.Text, s.actions.Overview()))
			return
		}
	case "interactive":
		var callback slack.InteractionCallback
		if json.Unmarshal(e.Payload, &callback) == nil {
			s.acknowledge(e.ID, nil)
			s.running.Go(func() { withSlot(ctx, s.slots, func() { s.handlePress(ctx, &callback) }) })
			return
		}
	}
	s.acknowledge(e.ID, nil) // otherwise Slack sends it again
}

// acknowledge confirms an envelope to Slack. After an error the next read fails too.
func (s *session) acknowledge(id string, payload any) {
	confirmation := map[string]any{"envelope_id": id}
	if payload != nil {
		confirmation["payload"] = payload
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // escapes would make it longer, and Slack drops answers of 20 kB
	if encoder.Encode(confirmation) != nil {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(ackLimit))
	_ = s.conn.WriteMessage(websocket.TextMessage, body.Bytes())
}

// withSlot calls work when one of the slots is free, unless ctx ends first. Every call ends within attemptTimeout.
func withSlot(ctx context.Context, slots chan struct{}, work func()) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		work()
	case <-ctx.Done():
	}
}

// dialer connects with the proxy and dialer of the notifier's HTTP client.
func (n *Notifier) dialer() *websocket.Dialer {
	d := &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: attemptTimeout,
		WriteBufferSize: 32 << 10, // Slack does not accept an answer in several frames
	}
	if transport, ok := n.client.Transport.(*http.Transport); ok {
		d.Proxy, d.NetDialContext = transport.Proxy, transport.DialContext
	}
	return d
}

// handlePress performs the action of a button if the user may press it. It shows the user the result, unless the message shows it. After a
// silence, a reply in the message's thread says who added it.
func (s *session) handlePress(ctx context.Context, data *slack.InteractionCallback) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if !s.checkAllowed(ctx, data.User.ID, "button", data.ResponseURL) {
		return
	}
	done := press(data, s.actions)
	if done.reply != "" {
		s.notifier.showToUser(ctx, data.ResponseURL, done.reply)
	}
	if done.thread == "" || data.Container.MessageTs == "" {
		return
	}
	a := s.notifier.post(ctx, data.Container.ChannelID, done.thread, nil, slack.MsgOptionTS(data.Container.MessageTs))
	if failure := a.failure(); failure != nil {
		s.logger.WarnContext(ctx, "cannot post a silence in its thread", "error", failure)
	}
}

// showToUser shows a message to one user; errors are ignored, since the user sees that nothing changed.
func (n *Notifier) showToUser(ctx context.Context, address, text string) {
	n.respond(ctx, address, ephemeral(text))
}

// respond posts an answer to a response URL; errors are ignored, as in showToUser.
func (n *Notifier) respond(ctx context.Context, address string, answer map[string]any) {
	if !isAddress(address) {
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
}

// ephemeral is a message that only one person sees.
func ephemeral(text string) map[string]any {
	return map[string]any{"response_type": "ephemeral", "replace_original": false, "text": text}
}
