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
	atOnce     = 16               // people who are answered at the same time
	silence    = 30 * time.Second // Slack pings more often than that; slack-go gives a connection up after it too
	ackLimit   = 3 * time.Second  // within which Slack wants an acknowledgement: https://docs.slack.dev/apis/events-api/using-socket-mode
)

var (
	errSilent  = errors.New("the connection of Socket Mode broke")
	errUnclear = errors.New("no greeting came over the connection of Socket Mode")
	errOff     = errors.New("link_disabled: Socket Mode is turned off for the app")
)

// session is one connection of Socket Mode.
type session struct {
	notifier *Notifier
	desk     outbox.Desk
	logger   *slog.Logger
	running  *sync.WaitGroup
	slots    chan struct{}
	conn     *websocket.Conn
	writing  sync.Mutex
}

// envelope is one message of Slack's over the connection.
type envelope struct {
	Type    string          `json:"type"` // hello, disconnect, interactive, slash_commands, events_api
	Reason  string          `json:"reason"`
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
}

// open opens the connection and waits for Slack's greeting.
func (s *session) open(ctx context.Context) *outbox.DeliveryError {
	limited, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	api, keep := s.notifier.apiWith(doingListen, keyAppToken)
	info, _, err := api.StartSocketModeContext(limited)
	if fault := keep.result(limited, err).failure(); fault != nil {
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
		s.alive()
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(ackLimit))
	})
	return s.greeted(ctx)
}

// greeted waits for the greeting. Until it comes, the connection may be refused.
func (s *session) greeted(ctx context.Context) (fault *outbox.DeliveryError) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	defer func() {
		if fault != nil {
			_ = s.conn.Close()
		}
	}()
	s.alive()
	_, frame, err := s.conn.ReadMessage()
	if err != nil {
		return broken(errSilent)
	}
	var e envelope
	if json.Unmarshal(frame, &e) != nil || e.Type != "hello" {
		if e.Type == "disconnect" {
			return disconnected(e.Reason)
		}
		return broken(errUnclear)
	}
	s.notifier.hearing.opened(ctx, s.logger)
	return nil
}

// alive notes a sign of life.
func (s *session) alive() { _ = s.conn.SetReadDeadline(time.Now().Add(silence)) }

func broken(cause error) *outbox.DeliveryError {
	return &outbox.DeliveryError{Reason: outbox.ReasonNetwork, Err: fmt.Errorf("%s: %w", doingListen, cause)}
}

// disconnected says what a reason of Slack's to end a connection means; nil when the next connection will do.
func disconnected(reason string) *outbox.DeliveryError {
	if reason == "link_disabled" {
		return &outbox.DeliveryError{
			Reason: outbox.ReasonRefused, Permanent: true, Err: fmt.Errorf("%s: %w", doingListen, errOff),
			Fix: "turn Socket Mode on for the app under Settings, Socket Mode; else remove app_token, and do without buttons",
		}
	}
	return nil
}

// serve answers what Slack sends until the connection ends, and returns why; nil when Slack ended it. It closes warned when Slack says
// that it will end the connection soon.
func (s *session) serve(ctx context.Context, warned chan<- struct{}) *outbox.DeliveryError {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	defer func() { _ = s.conn.Close() }()
	var leaving sync.Once
	asked := false // Slack has asked for another connection
	for {
		_, frame, err := s.conn.ReadMessage()
		switch {
		case err != nil && asked:
			return nil
		case err != nil:
			return broken(errSilent)
		}
		s.alive()
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

// handle acknowledges an envelope and does what it asks for. Only the state of a command goes back with the acknowledgement.
func (s *session) handle(ctx context.Context, e *envelope) {
	switch e.Type {
	case "slash_commands":
		var command slack.SlashCommand
		if json.Unmarshal(e.Payload, &command) == nil {
			if len(s.notifier.settings.Allow) > 0 { // to look somebody up may take longer than Slack waits
				s.acknowledge(e.ID, nil)
				s.running.Go(func() { inTurn(ctx, s.slots, func() { s.command(ctx, &command) }) })
				return
			}
			s.acknowledge(e.ID, slash(command.Text, s.desk.Overview()))
			return
		}
	case "interactive":
		var callback slack.InteractionCallback
		if json.Unmarshal(e.Payload, &callback) == nil {
			s.acknowledge(e.ID, nil)
			s.running.Go(func() { inTurn(ctx, s.slots, func() { s.obey(ctx, &callback) }) })
			return
		}
	}
	s.acknowledge(e.ID, nil) // Slack would send it again
}

// acknowledge tells Slack that an envelope has arrived. An error shows at the next read.
func (s *session) acknowledge(id string, payload any) {
	answer := map[string]any{"envelope_id": id}
	if payload != nil {
		answer["payload"] = payload
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // Slack drops an answer of 20 kB, and escapes make it longer
	if encoder.Encode(answer) != nil {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(ackLimit))
	_ = s.conn.WriteMessage(websocket.TextMessage, body.Bytes())
}

// inTurn does work when one of the slots is free, unless ctx ends first. Every answer ends by attemptLimit.
func inTurn(ctx context.Context, slots chan struct{}, work func()) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		work()
	case <-ctx.Done():
	}
}

// dialer opens the connection of Socket Mode the way that the notifier's requests go.
func (n *Notifier) dialer() *websocket.Dialer {
	d := &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: attemptLimit,
		WriteBufferSize: 32 << 10, // Slack does not take an answer in several frames
	}
	if transport, ok := n.client.Transport.(*http.Transport); ok {
		d.Proxy, d.NetDialContext = transport.Proxy, transport.DialContext
	}
	return d
}

// obey does what a button asks for, and tells the person what the message itself will not show. Others see in the thread who has
// silenced.
func (s *session) obey(ctx context.Context, data *slack.InteractionCallback) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	if !s.refuseUnlessAllowed(ctx, data.User.ID, "button", data.ResponseURL) {
		return
	}
	done := press(data, s.desk)
	if done.answer != "" {
		s.notifier.whisper(ctx, data.ResponseURL, done.answer)
	}
	if done.thread == "" || data.Container.MessageTs == "" {
		return
	}
	a := s.notifier.post(ctx, data.Container.ChannelID, done.thread, nil, slack.MsgOptionTS(data.Container.MessageTs))
	if failure := a.failure(); failure != nil {
		s.logger.WarnContext(ctx, "a silence could not be told in its thread", "error", failure)
	}
}

// whisper shows a message to one user; errors are ignored, since the user sees that nothing changed.
func (n *Notifier) whisper(ctx context.Context, address, text string) {
	n.respond(ctx, address, ephemeral(text))
}

// respond posts an answer to a response URL; errors are ignored for the same reason.
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

// ephemeral is a message that one person sees, and nobody else.
func ephemeral(text string) map[string]any {
	return map[string]any{"response_type": "ephemeral", "replace_original": false, "text": text}
}
