package slackstub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pingEvery = 10 * time.Second // slack-go drops a connection that is silent for 30 s
	ackLimit  = 3 * time.Second  // https://docs.slack.dev/apis/events-api/using-socket-mode
	ackSize   = 20 << 10         // bytes; Slack drops longer answers: https://pkg.go.dev/github.com/slack-go/slack/socketmode#Client.SendCtx
)

// socket holds the connections of Socket Mode, and what was sent over them.
type socket struct {
	conns     []*websocket.Conn // open, oldest first
	opened    int
	asked     int // calls of apps.connections.open
	sent      int
	off       bool                       // Socket Mode is turned off for the app
	sentAt    map[string]time.Time       // when an envelope was sent
	acks      map[string]json.RawMessage // payloads of acknowledgements, by envelope
	late      []string                   // envelopes that were acknowledged too late
	responses []string                   // what was posted to response_url
}

// open is https://docs.slack.dev/reference/methods/apps.connections.open. It takes the token in the header only.
func (s *Slack) open(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.set(func() { s.socket.asked++ })
	f := s.fault()
	if s.fail(w, &f) {
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	word := f.Word
	switch {
	case word != "":
	case r.Method != http.MethodPost:
		word = "insecure_request"
	default:
		word = refuseToken(token, AppToken)
	}
	if word != "" {
		s.refuse(w, &f, word, nil)
		return
	}
	answer(w, &reply{OK: true, URL: "ws" + strings.TrimPrefix(s.base, "http") + "/socket"})
}

// serveSocket greets, pings and takes acknowledgements: https://docs.slack.dev/apis/events-api/using-socket-mode.
func (s *Slack) serveSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // Slack takes any
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	if !s.greet(conn) {
		_ = conn.Close()
		return
	}
	done := make(chan struct{})
	go s.ping(conn, done)
	defer s.forget(conn)
	defer close(done)
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		s.acknowledged(frame)
	}
}

// greet says hello, or that Socket Mode is off.
func (s *Slack) greet(conn *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket.opened++
	if s.socket.off {
		_ = conn.WriteJSON(disconnect("link_disabled"))
		return false
	}
	s.socket.conns = append(s.socket.conns, conn)
	if s.socket.acks == nil {
		s.socket.acks, s.socket.sentAt = map[string]json.RawMessage{}, map[string]time.Time{}
	}
	return conn.WriteJSON(map[string]any{
		"type": "hello", "num_connections": len(s.socket.conns), "connection_info": map[string]any{"app_id": "A0STUB"},
		"debug_info": map[string]any{"host": "applink-stub", "approximate_connection_time": 18060},
	}) == nil
}

func disconnect(reason string) map[string]any {
	return map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": "applink-stub"}}
}

func (s *Slack) ping(conn *websocket.Conn, done <-chan struct{}) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-ticker.C:
			_ = conn.WriteControl(websocket.PingMessage, []byte("Ping from applink-stub"), now.Add(ackLimit))
		}
	}
}

func (s *Slack) forget(conn *websocket.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.socket.conns {
		if other == conn {
			s.socket.conns = append(s.socket.conns[:i:i], s.socket.conns[i+1:]...)
			return
		}
	}
}

// acknowledged takes what the app sends. An answer that is too long is dropped, as Slack does.
func (s *Slack) acknowledged(frame []byte) {
	var ack struct {
		Envelope string          `json:"envelope_id"`
		Payload  json.RawMessage `json:"payload"`
	}
	if len(frame) >= ackSize || json.Unmarshal(frame, &ack) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sent, ok := s.socket.sentAt[ack.Envelope]; ok && time.Since(sent) > ackLimit {
		s.socket.late = append(s.socket.late, ack.Envelope)
	}
	s.socket.acks[ack.Envelope] = ack.Payload
}

// respond takes what is posted to a response_url.
func (s *Slack) respond(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	s.set(func() { s.socket.responses = append(s.socket.responses, string(body)) })
}

// Asked returns how often the app asked for an address to connect to.
func (s *Slack) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket.asked
}

// Opened returns how often the app has connected.
func (s *Slack) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket.opened
}

// Connected returns how many connections are open.
func (s *Slack) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.socket.conns)
}

// Late returns the envelopes that were acknowledged too late.
func (s *Slack) Late() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.socket.late...)
}

// Responses returns what was posted to response_url, oldest first.
func (s *Slack) Responses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.socket.responses...)
}

// TurnOff turns Socket Mode off for the app, or on again. Open connections end with link_disabled.
func (s *Slack) TurnOff(yes bool) {
	s.set(func() { s.socket.off = yes })
	if yes {
		_ = s.Disconnect("link_disabled")
		s.DropConnection()
	}
}

// Disconnect sends a disconnect over every connection. Slack leaves a connection open for some seconds after a warning.
func (s *Slack) Disconnect(reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.socket.conns) == 0 {
		return errNotConnected
	}
	var faults []error
	for _, conn := range s.socket.conns {
		faults = append(faults, conn.WriteJSON(disconnect(reason)))
	}
	return errors.Join(faults...)
}

// DropConnection breaks the oldest of the app's connections.
func (s *Slack) DropConnection() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.socket.conns) > 0 {
		_ = s.socket.conns[0].Close()
	}
}

var errNotConnected = errors.New("the app is not connected")

// Send sends an envelope with a payload over the oldest connection and returns its identifier.
func (s *Slack) Send(kind string, payload any) (envelope string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.socket.conns) == 0 {
		return "", errNotConnected
	}
	s.socket.sent++
	envelope = fmt.Sprintf("envelope-%d", s.socket.sent)
	s.socket.sentAt[envelope] = time.Now()
	return envelope, s.socket.conns[0].WriteJSON(map[string]any{
		"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": kind == "slash_commands",
	})
}

// SendFrame sends any text over the oldest connection, as a broken Slack might.
func (s *Slack) SendFrame(frame string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.socket.conns) == 0 {
		return errNotConnected
	}
	return s.socket.conns[0].WriteMessage(websocket.TextMessage, []byte(frame))
}

// PressButton sends what a person's press of a button sends:
// https://docs.slack.dev/reference/interaction-payloads/block_actions-payload.
func (s *Slack) PressButton(user, action, value string) (envelope string, err error) {
	now := time.Now()
	ts := fmt.Sprintf("%d.%06d", now.Unix(), 1)
	message := map[string]any{
		"type": "message", "ts": ts, "bot_id": "B0STUB", "app_id": "A0STUB", "team": "T0STUB", "text": "", "blocks": []any{},
	}
	if all := s.Messages(); len(all) > 0 {
		last := all[len(all)-1]
		ts, message["ts"], message["text"] = last.TS, last.TS, last.Text
		if last.Blocks != "" {
			message["blocks"] = json.RawMessage(last.Blocks)
		}
	}
	return s.Send("interactive", map[string]any{
		"type": "block_actions", "api_app_id": "A0STUB", "token": "verification", "trigger_id": "1.2.3",
		"is_enterprise_install": false, "enterprise": nil,
		"user":         map[string]any{"id": user, "username": "ada", "name": "ada", "team_id": "T0STUB"},
		"team":         map[string]any{"id": "T0STUB", "domain": "example"},
		"channel":      map[string]any{"id": Channel, "name": Name},
		"container":    map[string]any{"type": "message", "message_ts": ts, "channel_id": Channel, "is_ephemeral": false},
		"message":      message,
		"state":        map[string]any{"values": map[string]any{}},
		"response_url": s.base + "/response",
		"actions": []map[string]any{{
			"type": "button", "block_id": "b1", "action_id": action, "value": value, "action_ts": fmt.Sprintf("%d.%06d", now.Unix(), 2),
			"text": map[string]any{"type": "plain_text", "text": "Acknowledge", "emoji": true},
		}},
	})
}

// SlashCommand sends what a person's command sends: https://docs.slack.dev/interactivity/implementing-slash-commands.
func (s *Slack) SlashCommand(user, text string) (envelope string, err error) {
	return s.Send("slash_commands", map[string]any{
		"token": "verification", "team_id": "T0STUB", "team_domain": "example", "channel_id": Channel, "channel_name": Name,
		"user_id": user, "user_name": "ada", "command": "/squarewatch", "text": text, "api_app_id": "A0STUB",
		"is_enterprise_install": "false", "response_url": s.base + "/response", "trigger_id": "1.2.3",
	})
}

// Ack waits for the acknowledgement of an envelope and returns its payload.
func (s *Slack) Ack(envelope string, patience time.Duration) (json.RawMessage, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		s.mu.Lock()
		payload, ok := s.socket.acks[envelope]
		s.mu.Unlock()
		if ok {
			return payload, nil
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			return nil, fmt.Errorf("%s was not acknowledged within %v", envelope, patience)
		}
	}
}
