// Package slackstub is a Slack to test against. It answers incoming webhooks, the web API's methods chat.postMessage, chat.update and
// apps.connections.open, and Socket Mode, and keeps what its channel shows.
//
// It refuses what Slack refuses, with Slack's own statuses, content types and bodies. Each answer names its public source in a comment.
// Where no source settles how Slack decides, it takes the stricter way.
package slackstub

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// The secrets that the stand-in knows.
const (
	BotToken = "xoxb-hush"  //nolint:gosec // of the bot that may post: no secret of anybody
	AppToken = "xapp-hush"  //nolint:gosec // of the app's Socket Mode: no secret of anybody
	Channel  = "C0STUB"     // its channel
	Name     = "ops-alerts" // the channel's name

	webhookPath = "/services/T000/B000/hush"
)

// Message is one message of the channel.
type Message struct {
	TS        string
	Thread    string // the message that it replies to; empty for none
	Broadcast bool   // a reply that the channel shows too
	Text      string // as it is now
	Blocks    string // JSON, as they are now
	Raw       string // the body of the request that posted it
	Header    http.Header
	Edits     int  // how often it was changed
	Cut       bool // the connection broke instead of its answer
	At        time.Time
}

// InChannel reports whether the channel shows the message, not only its thread.
func (m *Message) InChannel() bool { return m.Thread == "" || m.Broadcast }

// Fault is what one request meets instead of being taken. The zero value is none.
type Fault struct {
	Status     int           // the request fails with it, as whatever stands in front of Slack does; 429 as Slack does
	Word       string        // the request fails with this error code
	RetryAfter string        // header, sent with the status
	Delay      time.Duration // before anything else
	CutBefore  bool          // the connection breaks before the message is taken
	CutAfter   bool          // the connection breaks after the message is taken
	NoCharts   bool          // blocks with a chart are refused
	NoBlocks   bool          // all blocks are refused
}

// Slack is the stand-in as a handler, for a server of one's own.
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
	locked   bool // threads take no replies
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

// Server is the stand-in on a socket. Close it after use.
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

// Faults sets what requests meet from now on: next is asked for each, one at a time.
func (s *Slack) Faults(next func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// Always makes every request from now on meet the same fault.
func (s *Slack) Always(f Fault) { s.Faults(func() Fault { return f }) }

// Once makes the next requests meet faults, and those after them none.
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

// Archive archives the channel, or brings it back.
func (s *Slack) Archive(yes bool) { s.set(func() { s.archived = yes }) }

// LockThreads lets threads take no replies.
func (s *Slack) LockThreads(yes bool) { s.set(func() { s.locked = yes }) }

// CloseEditing lets no message be changed.
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

// InChannel returns the messages that the channel shows, oldest first: no replies but those that are shown there too.
func (s *Slack) InChannel() []Message {
	return slices.DeleteFunc(s.Messages(), func(m Message) bool { return !m.InChannel() })
}

// Refused returns why requests were refused that met no fault, oldest first. A test that sends nothing wrong wants none.
func (s *Slack) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Cuts returns how often a connection broke after a message was taken.
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

// complain notes why a request was refused.
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
