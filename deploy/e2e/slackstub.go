package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// SlackMessage is one message that the stand-in took.
type SlackMessage struct {
	At   time.Time
	Text string // what a phone shows
	Raw  string // the whole request body
}

// SlackStub answers incoming webhooks as Slack does, well or badly.
type SlackStub struct {
	*httptest.Server

	mu       sync.Mutex
	messages []SlackMessage
	refused  int
	answer   SlackAnswer
}

// SlackAnswer is what the stand-in does with a message. The zero value takes it.
type SlackAnswer struct {
	Status     int           // instead of 200
	Body       string        // instead of ok
	RetryAfter time.Duration // sent with the status, in whole seconds
	Cut        bool          // take the message, then cut the connection instead of answering
}

// NewSlackStub starts a stand-in on loopback. Close it after use.
func NewSlackStub() *SlackStub {
	s := &SlackStub{}
	s.Server = httptest.NewServer(s)
	return s
}

// Webhook returns the address to post to.
func (s *SlackStub) Webhook() string { return s.URL + "/services/T000/B000/hush" }

// Answer sets what happens to messages from now on.
func (s *SlackStub) Answer(a SlackAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// Messages returns what was taken so far.
func (s *SlackStub) Messages() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Refused returns how many messages were not taken.
func (s *SlackStub) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// ServeHTTP takes or refuses a message.
func (s *SlackStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var message struct {
		Text string `json:"text"`
	}
	if err != nil || json.Unmarshal(raw, &message) != nil || message.Text == "" {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	answer := s.take(SlackMessage{time.Now(), message.Text, string(raw)})
	if answer.Cut {
		panic(http.ErrAbortHandler)
	}
	if answer.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(answer.RetryAfter.Seconds())))
	}
	if answer.Status != 0 {
		w.WriteHeader(answer.Status)
	}
	if answer.Body == "" {
		answer.Body = "ok"
	}
	_, _ = io.WriteString(w, answer.Body)
}

// take keeps the message unless it is refused, and returns how to answer.
func (s *SlackStub) take(m SlackMessage) SlackAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer.Status == 0 {
		s.messages = append(s.messages, m)
	} else {
		s.refused++
	}
	return s.answer
}
