// Package slackstub is a stand-in for Slack in tests. It answers incoming webhooks, the web API's methods chat.postMessage, chat.update and
// apps.connections.open, and Socket Mode. It has one channel, and keeps the channel's messages.
//
// It refuses what Slack refuses, with Slack's own statuses, content types and bodies. Each answer names its public source in a comment.
// Where no source says how Slack decides, the stand-in applies the strictest of the possible rules.
package slackstub

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// The secrets that the stand-in accepts, and its channel.
const (
	BotToken = "xoxb-hush"  //nolint:gosec // of the bot that may post; invented, not a real secret
	AppToken = "xapp-hush"  //nolint:gosec // of the app's Socket Mode; invented, not a real secret
	Channel  = "C0STUB"     // identifier of the channel
	Name     = "ops-alerts" // the channel's name

	webhookPath = "/services/T000/B000/hush"
)

// Message is one message of the channel.
type Message struct {
	TS        string
	Thread    string // the message that it replies to; empty for none
	Broadcast bool   // a reply that the channel shows too
	Text      string // current text, after all edits
	Blocks    string // current blocks in JSON, after all edits
	Raw       string // the body of the request that posted it
	Header    http.Header
	Edits     int  // how often it was changed
	Cut       bool // the connection broke before the answer was sent
	At        time.Time
}

// InChannel reports whether the channel shows the message, not only its thread.
func (m *Message) InChannel() bool { return m.Thread == "" || m.Broadcast }

// Fault says how the stand-in treats one request instead of accepting it. The zero value accepts it.
type Fault struct {
	Status     int           // of the failure: Slack itself answers 429, a proxy in front of Slack any other status
	Word       string        // the request fails with this error code
	RetryAfter string        // seconds, sent with Status in the header Retry-After, and in the body of a webhook's 429
	Delay      time.Duration // how long the stand-in waits before it does anything else
	CutBefore  bool          // the connection breaks before the message is accepted
	CutAfter   bool          // the connection breaks after the message is accepted
	NoCharts   bool          // blocks with a chart are refused
	NoBlocks   bool          // all blocks are refused
}

// Slack is the stand-in as an HTTP handler, for callers that have their own server.
type Slack struct {
	base string // address of the server, without a path
	mux  *http.ServeMux

	mu       sync.Mutex
	next     func() Fault
	watch    func(Message)
	messages []Message
	posted   int // messages so far, deleted ones too
	cuts     int
	refused  []string
	archived bool
	locked   bool // threads refuse replies
	closed   bool // messages cannot be edited
	socket   socket
	groups   map[string][]string // members of user groups
}

// NewSlack returns a stand-in that is reached at an address, such as http://127.0.0.1:8080.
func NewSlack(base string) *Slack {
	s := &Slack{base: base, mux: http.NewServeMux(), next: func() Fault { return Fault{} }, watch: func(Message) {}}
	s.mux.HandleFunc("/services/", s.webhook)
	s.mux.HandleFunc("/triggers/", s.trigger)
	s.mux.HandleFunc("/workflows/", s.trigger)
	s.mux.HandleFunc("/api/chat.postMessage", s.api(s.postMessage))
	s.mux.HandleFunc("/api/chat.update", s.api(s.updateMessage))
	s.mux.HandleFunc("/api/apps.connections.open", s.open)
	s.mux.HandleFunc("/api/auth.test", s.authTest)
	s.mux.HandleFunc("/api/usergroups.users.list", s.groupMembers)
	s.mux.HandleFunc("GET /socket", s.serveSocket)
	s.mux.HandleFunc("POST /response", s.respond)
	return s
}

// ServeHTTP answers a request.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Server is the stand-in with its own HTTP server. Close it after use.
type Server struct {
	*httptest.Server
	*Slack
}

// New starts a stand-in on loopback.
func New() *Server {
	server := httptest.NewUnstartedServer(nil)
	slack := NewSlack("http://" + server.Listener.Addr().String())
	server.Config.Handler = slack
	server.Start()
	return &Server{Server: server, Slack: slack}
}

// Webhook returns the address of an incoming webhook.
func (s *Slack) Webhook() string { return s.base + webhookPath }

// API returns the base of the web API.
func (s *Slack) API() string { return s.base + "/api/" }

// Faults makes the stand-in call next for the fault of each request from now on. The calls do not overlap.
func (s *Slack) Faults(next func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// Always gives every request from now on the same fault.
func (s *Slack) Always(f Fault) { s.Faults(func() Fault { return f }) }

// Once gives each of the next requests one of the faults, in order. Later requests get no fault.
func (s *Slack) Once(faults ...Fault) {
	s.Faults(func() Fault {
		if len(faults) == 0 {
			return Fault{}
		}
		f := faults[0]
		faults = faults[1:]
		return f
	})
}

// Watch calls seen with every message that is posted from now on.
func (s *Slack) Watch(seen func(Message)) { s.set(func() { s.watch = seen }) }

// Archive archives the channel, or unarchives it.
func (s *Slack) Archive(yes bool) { s.set(func() { s.archived = yes }) }

// LockThreads makes threads refuse replies, or accept them again.
func (s *Slack) LockThreads(yes bool) { s.set(func() { s.locked = yes }) }

// CloseEditing makes the channel refuse edits of messages, or accept them again.
func (s *Slack) CloseEditing(yes bool) { s.set(func() { s.closed = yes }) }

// Delete deletes a message.
func (s *Slack) Delete(ts string) {
	s.set(func() { s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.TS == ts }) })
}

func (s *Slack) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Messages returns what the channel holds, oldest first.
func (s *Slack) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// InChannel returns the messages that the channel shows, oldest first. It leaves out replies that only their thread shows.
func (s *Slack) InChannel() []Message {
	return slices.DeleteFunc(s.Messages(), func(m Message) bool { return !m.InChannel() })
}

// Refused returns why the stand-in refused requests without a fault, oldest first. It is empty when a test sends only valid requests.
func (s *Slack) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Cuts returns how often a connection broke after a message was accepted.
func (s *Slack) Cuts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cuts
}

func (s *Slack) fault() Fault {
	s.mu.Lock()
	f := s.next()
	s.mu.Unlock()
	time.Sleep(f.Delay) //nolint:forbidigo // the test asks for a slow Slack
	return f
}

// complain records why a request was refused.
func (s *Slack) complain(word string, reasons []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, strings.TrimSpace(word+" "+strings.Join(reasons, "; ")))
}

func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func (f *Fault) refuses(blocks string) bool {
	return f.NoBlocks && blocks != "" && blocks != "[]" || f.NoCharts && strings.Contains(blocks, "data_visualization")
}
