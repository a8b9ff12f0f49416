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

// AppToken is the app-level token that the stand-in knows.
const AppToken = "xapp-hush"

// socket is the app's connection in Socket Mode, with what was sent over it.
type socket struct {
	conn      *websocket.Conn
	opened    int
	sent      int
	acks      map[string]json.RawMessage // payloads of acknowledgements, by envelope
	responses []string                   // what was posted to response_url
}

// open is apps.connections.open.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	f := s.fault()
	if meets(w, &f) {
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.Header().Set("Content-Type", "application/json")
	if token != AppToken {
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": "invalid_auth"})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "url": "ws" + strings.TrimPrefix(s.URL, "http") + "/socket"})
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // Slack takes any
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	s.mu.Lock()
	s.socket.conn = conn
	s.socket.opened++
	if s.socket.acks == nil {
		s.socket.acks = map[string]json.RawMessage{}
	}
	err = conn.WriteJSON(map[string]any{"type": "hello", "num_connections": 1})
	s.mu.Unlock()
	for err == nil {
		var ack struct {
			Envelope string          `json:"envelope_id"`
			Payload  json.RawMessage `json:"payload"`
		}
		if err = conn.ReadJSON(&ack); err == nil {
			s.mu.Lock()
			s.socket.acks[ack.Envelope] = ack.Payload
			s.mu.Unlock()
		}
	}
}

// respond takes what is posted to a response_url.
func (s *Server) respond(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket.responses = append(s.socket.responses, string(body))
}

// Opened returns how often the app has connected.
func (s *Server) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket.opened
}

// Responses returns what was posted to response_url, oldest first.
func (s *Server) Responses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.socket.responses...)
}

// DropConnection breaks the app's connection.
func (s *Server) DropConnection() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket.conn != nil {
		_ = s.socket.conn.Close()
	}
}

// Send sends an envelope with a payload over the app's connection and returns its identifier.
func (s *Server) Send(kind string, payload any) (envelope string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket.conn == nil {
		return "", errors.New("the app is not connected")
	}
	s.socket.sent++
	envelope = fmt.Sprintf("envelope-%d", s.socket.sent)
	return envelope, s.socket.conn.WriteJSON(map[string]any{
		"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": kind == "slash_commands",
	})
}

// SendFrame sends anything over the app's connection, as a Slack that is broken would.
func (s *Server) SendFrame(frame string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket.conn == nil {
		return errors.New("the app is not connected")
	}
	return s.socket.conn.WriteMessage(websocket.TextMessage, []byte(frame))
}

// PressButton sends what a person's press of a button sends.
func (s *Server) PressButton(user, action, value string) (envelope string, err error) {
	return s.Send("interactive", map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user}, "response_url": s.URL + "/response",
		"actions": []map[string]any{{"type": "button", "block_id": "b1", "action_id": action, "value": value}},
	})
}

// SlashCommand sends what a person's command sends.
func (s *Server) SlashCommand(user, text string) (envelope string, err error) {
	return s.Send("slash_commands", map[string]any{"command": "/squarewatch", "text": text, "user_id": user, "response_url": s.URL + "/response"})
}

// Ack waits for the acknowledgement of an envelope and returns its payload.
func (s *Server) Ack(envelope string, patience time.Duration) (json.RawMessage, error) {
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
