// Package slackstub is a Slack to test against: it answers a webhook and the web API's messages as Slack does, well or
// badly, over a real socket, and keeps what its channel shows.
package slackstub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The secrets that the stand-in knows.
const (
	BotToken = "xoxb-hush"  //nolint:gosec // of the bot that may post: no secret of anybody
	Channel  = "C0STUB"     // its channel
	Name     = "ops-alerts" // the channel's name
)

// Message is one message of the channel.
type Message struct {
	TS        string
	Thread    string // the message that it replies to; empty for none
	Broadcast bool   // a reply that the channel shows too
	Text      string // as it is now
	Blocks    string // JSON, as they are now
	Edits     int    // how often it was changed
	Cut       bool   // the connection broke instead of its answer
	At        time.Time
}

// Fault is what one request meets instead of being taken. The zero value is none.
type Fault struct {
	Status     int           // with an empty body
	Word       string        // ok: false with this word, or a webhook's answer with status 400
	RetryAfter string        // header, sent with the status
	Delay      time.Duration // before anything else
	CutBefore  bool          // the connection breaks before the message is taken
	CutAfter   bool          // the connection breaks after the message is taken
	NoCharts   bool          // blocks with a chart are refused
	NoBlocks   bool          // all blocks are refused
}

// Server is the stand-in. Close it after use.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	next     func() Fault
	messages []Message
	cuts     int
	socket   socket
}

// New starts a stand-in on loopback.
func New() *Server {
	s := &Server{next: func() Fault { return Fault{} }}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/", s.webhook)
	mux.HandleFunc("POST /api/chat.postMessage", s.api(s.postMessage))
	mux.HandleFunc("POST /api/chat.update", s.api(s.updateMessage))
	mux.HandleFunc("POST /api/apps.connections.open", s.open)
	mux.HandleFunc("GET /socket", s.serveSocket)
	mux.HandleFunc("POST /response", s.respond)
	s.Server = httptest.NewServer(mux)
	return s
}

// Webhook returns the address of an incoming webhook.
func (s *Server) Webhook() string { return s.URL + "/services/T000/B000/hush" }

// API returns the base of the web API.
func (s *Server) API() string { return s.URL + "/api/" }

// Faults sets what requests meet from now on: next is asked for each, one at a time.
func (s *Server) Faults(next func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// Always makes every request from now on meet the same fault.
func (s *Server) Always(f Fault) { s.Faults(func() Fault { return f }) }

// Once makes the next requests meet faults, and those after them none.
func (s *Server) Once(faults ...Fault) {
	s.Faults(func() Fault {
		if len(faults) == 0 {
			return Fault{}
		}
		f := faults[0]
		faults = faults[1:]
		return f
	})
}

// Messages returns what the channel holds, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Cuts returns how often a connection broke after a message was taken.
func (s *Server) Cuts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cuts
}

func (s *Server) fault() Fault {
	s.mu.Lock()
	f := s.next()
	s.mu.Unlock()
	time.Sleep(f.Delay) //nolint:forbidigo // a slow Slack is what is asked for, over a real socket
	return f
}

// meets lets a request meet its fault; true when nothing is left to do.
func meets(w http.ResponseWriter, f *Fault) bool {
	switch {
	case f.CutBefore:
		cut(w)
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Word)
	default:
		return false
	}
	return true
}

func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func (f *Fault) refuses(blocks string) bool {
	return f.NoBlocks && blocks != "" && blocks != "[]" || f.NoCharts && strings.Contains(blocks, "data_visualization")
}

// webhook takes a message as an incoming webhook does.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	err := json.NewDecoder(r.Body).Decode(&message)
	f := s.fault()
	switch {
	case meets(w, &f):
		return
	case err != nil:
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	case f.Word != "":
		http.Error(w, f.Word, http.StatusBadRequest)
		return
	case f.refuses(string(message.Blocks)):
		http.Error(w, "invalid_blocks", http.StatusBadRequest)
		return
	}
	s.take(Message{Text: message.Text, Blocks: string(message.Blocks)}, f.CutAfter)
	if f.CutAfter {
		cut(w)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

func (s *Server) take(m Message, broken bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.TS, m.At = fmt.Sprintf("%d.%06d", time.Now().Unix(), len(s.messages)+1), time.Now()
	s.messages = append(s.messages, m)
	s.messages[len(s.messages)-1].Cut = broken
	if broken {
		s.cuts++
	}
	return m.TS
}

// api answers a method of the web API: the word of a refusal, or the message's ts.
func (s *Server) api(method func(form url.Values, broken bool) (ts, word string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		f := s.fault()
		if meets(w, &f) {
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		word, ts := f.Word, ""
		switch {
		case word != "":
		case token != BotToken && form.Get("token") != BotToken:
			word = "invalid_auth"
		case f.refuses(form.Get("blocks")):
			word = "invalid_blocks"
		default:
			ts, word = method(form, f.CutAfter)
		}
		if f.CutAfter && word == "" {
			cut(w)
			return
		}
		answer(w, word, ts)
	}
}

func answer(w http.ResponseWriter, word, ts string) {
	w.Header().Set("Content-Type", "application/json")
	said := map[string]any{"ok": word == "", "channel": Channel, "ts": ts}
	if word != "" {
		said = map[string]any{"ok": false, "error": word}
	}
	_ = json.NewEncoder(w).Encode(said)
}

func (s *Server) postMessage(form url.Values, broken bool) (ts, word string) {
	if channel := form.Get("channel"); channel != Channel && strings.TrimPrefix(channel, "#") != Name {
		return "", "channel_not_found"
	}
	broadcast, _ := strconv.ParseBool(form.Get("reply_broadcast"))
	return s.take(Message{Thread: form.Get("thread_ts"), Broadcast: broadcast, Text: form.Get("text"), Blocks: form.Get("blocks")}, broken), ""
}

func (s *Server) updateMessage(form url.Values, broken bool) (ts, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.messages, func(m Message) bool { return m.TS == form.Get("ts") })
	if i < 0 || form.Get("channel") != Channel { // an update wants the identifier, as Slack does
		return "", "message_not_found"
	}
	s.messages[i].Text, s.messages[i].Blocks = form.Get("text"), form.Get("blocks")
	s.messages[i].Edits++
	if broken {
		s.cuts++
	}
	return form.Get("ts"), ""
}
