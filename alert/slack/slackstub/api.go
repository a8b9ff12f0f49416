package slackstub

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// reply is the answer of a method of the web API: https://docs.slack.dev/apis/web-api/. Its status is 200, also when Slack refuses the
// message. Only a rate limit has status 429.
type reply struct {
	OK       bool           `json:"ok"`
	Error    string         `json:"error,omitempty"`
	Needed   string         `json:"needed,omitempty"`
	Provided string         `json:"provided,omitempty"`
	Channel  string         `json:"channel,omitempty"`
	TS       string         `json:"ts,omitempty"`
	Text     string         `json:"text,omitempty"`
	URL      string         `json:"url,omitempty"`
	Message  *replyMessage  `json:"message,omitempty"`
	Errors   []string       `json:"errors,omitempty"`
	Metadata *replyMetadata `json:"response_metadata,omitempty"`
}

// replyMessage is the message as the answer repeats it. A reply that Slack posted outside of its thread has no thread_ts:
// https://pkg.go.dev/github.com/slack-go/slack#Client.PostMessageWithResponseContext.
type replyMessage struct {
	Type   string          `json:"type"`
	Text   string          `json:"text"`
	TS     string          `json:"ts"`
	BotID  string          `json:"bot_id"`
	Thread string          `json:"thread_ts,omitempty"`
	Blocks json.RawMessage `json:"blocks,omitempty"`
}

// replyMetadata says what is wrong with an invalid message.
type replyMetadata struct {
	Messages []string `json:"messages"`
}

// api answers a method that sends a message.
func (s *Slack) api(method func(header http.Header, form url.Values, f *Fault) (*Message, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
		f := s.fault()
		if s.fail(w, &f) {
			return
		}
		form, err := url.ParseQuery(string(body))
		word, reasons := f.Word, []string(nil)
		if word == "" {
			word, reasons = refusal(r, form, err, &f)
		}
		var m *Message
		if word == "" {
			m, word = method(r.Header, form, &f)
		}
		if word != "" {
			s.refuse(w, &f, word, reasons)
			return
		}
		if f.CutAfter {
			cut(w)
			return
		}
		answer(w, &reply{
			OK: true, Channel: Channel, TS: m.TS, Text: m.Text,
			Message: &replyMessage{Type: "message", Text: m.Text, TS: m.TS, BotID: "B0STUB", Thread: m.Thread, Blocks: json.RawMessage(m.Blocks)},
		})
	}
}

// fail answers a request if the fault allows no other answer, and reports whether it did.
func (s *Slack) fail(w http.ResponseWriter, f *Fault) bool {
	switch {
	case f.CutBefore:
		cut(w)
	case f.Status == http.StatusTooManyRequests: // https://docs.slack.dev/apis/web-api/rate-limits
		w.Header().Set("Retry-After", f.RetryAfter)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, `{"ok":false,"error":"ratelimited"}`)
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		page(w, f.Status, f.Word)
	default:
		return false
	}
	return true
}

// refusal returns the error code and the reasons with which a request is refused, as far as they do not depend on the channel.
func refusal(r *http.Request, form url.Values, err error, f *Fault) (word string, reasons []string) {
	if r.Method != http.MethodPost {
		return "insecure_request", nil
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/x-www-form-urlencoded" {
		return "invalid_post_type", []string{kind}
	}
	if err != nil {
		return "invalid_form_data", nil
	}
	if word = refuseToken(tokenOf(r, form), BotToken); word != "" {
		return word, nil
	}
	if word, reasons = Check(form.Get("text"), form.Get("blocks")); word == "" && f.refuses(form.Get("blocks")) {
		word = "invalid_blocks"
	}
	return word, reasons
}

func tokenOf(r *http.Request, form url.Values) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = form.Get("token")
	}
	return token
}

// refuseToken returns the error code with which Slack refuses a token; empty when Slack accepts it:
// https://docs.slack.dev/reference/methods/chat.postMessage.
func refuseToken(token, want string) string {
	kind, _, _ := strings.Cut(want, "-")
	switch {
	case token == want:
		return ""
	case token == "":
		return "not_authed"
	case strings.HasPrefix(token, "xapp-") && kind == "xoxb", strings.HasPrefix(token, "xoxb-") && kind == "xapp",
		strings.HasPrefix(token, "xoxp-"):
		return "not_allowed_token_type"
	}
	return "invalid_auth"
}

// refuse answers with an error code. For invalid blocks, Slack gives the reasons in response_metadata.
func (s *Slack) refuse(w http.ResponseWriter, f *Fault, word string, reasons []string) {
	if f.Word == "" {
		s.complainUnlessFault(f, word, reasons)
	}
	said := &reply{Error: word}
	if word == "missing_scope" {
		said.Needed, said.Provided = "chat:write", "commands" // https://docs.slack.dev/reference/methods/chat.postMessage
	}
	if len(reasons) > 0 {
		said.Errors, said.Metadata = reasons, &replyMetadata{Messages: reasons}
	}
	answer(w, said)
}

func answer(w http.ResponseWriter, said *reply) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(said)
}

// postMessage is https://docs.slack.dev/reference/methods/chat.postMessage. It takes the channel's name or ID.
func (s *Slack) postMessage(header http.Header, form url.Values, f *Fault) (*Message, string) {
	if channel := form.Get("channel"); channel != Channel && strings.TrimPrefix(channel, "#") != Name {
		return nil, "channel_not_found"
	}
	broadcast, _ := strconv.ParseBool(form.Get("reply_broadcast"))
	m := &Message{
		Thread: form.Get("thread_ts"), Broadcast: broadcast, Text: form.Get("text"), Blocks: form.Get("blocks"), Raw: form.Encode(),
		Header: header,
	}
	s.mu.Lock()
	archived, locked := s.archived, s.locked
	if s.indexLocked(m.Thread) < 0 { // it replies to a deleted message, so it is posted outside of any thread
		m.Thread, m.Broadcast = "", false
	}
	s.mu.Unlock()
	switch {
	case archived:
		return nil, "is_archived"
	case locked && m.Thread != "":
		return nil, "restricted_action_thread_locked"
	}
	s.store(m, f.CutAfter)
	return m, ""
}

// indexLocked returns the index of a message; -1 for none. The caller holds mu.
func (s *Slack) indexLocked(ts string) int {
	return slices.IndexFunc(s.messages, func(m Message) bool { return m.TS == ts })
}

// updateMessage is https://docs.slack.dev/reference/methods/chat.update. It takes the channel's ID only.
func (s *Slack) updateMessage(_ http.Header, form url.Values, f *Fault) (*Message, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.indexLocked(form.Get("ts"))
	switch {
	case form.Get("channel") != Channel:
		return nil, "channel_not_found"
	case s.archived:
		return nil, "is_inactive"
	case i < 0:
		return nil, "message_not_found"
	case s.closed:
		return nil, "edit_window_closed"
	}
	m := &s.messages[i]
	m.Text, m.Blocks = form.Get("text"), form.Get("blocks")
	m.Edits++
	if f.CutAfter {
		s.cuts++
	}
	changed := *m
	return &changed, ""
}
