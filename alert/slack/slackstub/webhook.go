package slackstub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// bodyLimit is how much of a request is read, in bytes.
const bodyLimit = 1 << 20

// webhook receives a message as an incoming webhook does.
func (s *Slack) webhook(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	f := s.fault()
	if f.CutBefore {
		cut(w)
		return
	}
	if f.Status != 0 {
		s.failWebhook(w, &f)
		return
	}
	m, word, reasons := readWebhook(r, raw, &f)
	if word == "" && s.isArchived() {
		word = "channel_is_archived"
	}
	switch {
	case f.Word != "":
		writeWord(w, statusOf(f.Word), f.Word)
	case word != "":
		s.complainUnlessFault(&f, word, reasons)
		writeWord(w, statusOf(word), word)
	default:
		s.store(&m, f.CutAfter)
		if f.CutAfter {
			cut(w)
			return
		}
		writeWord(w, http.StatusOK, "ok")
	}
}

// writeWord answers with one word. Slack sends it as text/html without a newline:
// https://github.com/slackapi/node-slack-sdk/issues/480, https://github.com/cloudfoundry-community/slack-notification-resource/issues/96.
func writeWord(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, word) //nolint:gosec // no browser reads it
}

// statusOf returns the status of a webhook's error code:
// https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks.
func statusOf(word string) int {
	switch word {
	case "action_prohibited", "posting_to_general_channel_denied", "invalid_token":
		return http.StatusForbidden
	case "no_service", "channel_not_found", "no_team", "team_disabled":
		return http.StatusNotFound
	case "channel_is_archived":
		return http.StatusGone
	case "rollup_error":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// failWebhook answers with a status: 429 as Slack does (https://github.com/yassineaboukir/sublert/issues/46), other
// statuses with a web page, as a proxy does.
func (s *Slack) failWebhook(w http.ResponseWriter, f *Fault) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Status == http.StatusTooManyRequests {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, `{"retry_after":%s,"ok":false,"error":"rate_limited"}`, cmp.Or(f.RetryAfter, "1"))
		return
	}
	page(w, f.Status, f.Word)
}

// page answers with a web page, or with the text of the fault.
func page(w http.ResponseWriter, status int, text string) {
	if text == "" {
		text = fmt.Sprintf("<!DOCTYPE html><html><head><title>%s</title></head></html>", http.StatusText(status))
	}
	writeWord(w, status, text)
}

// readWebhook returns the message, and the error code and reasons if Slack refuses it.
func readWebhook(r *http.Request, raw []byte, f *Fault) (m Message, word string, reasons []string) {
	var body struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	switch {
	case r.URL.Path != webhookPath:
		return m, "no_service", nil
	case r.Method != http.MethodPost || json.Unmarshal(raw, &body) != nil:
		return m, "invalid_payload", nil
	}
	m = Message{Text: body.Text, Blocks: string(body.Blocks), Raw: string(raw), Header: r.Header}
	if word, reasons = Check(m.Text, m.Blocks); word == "" && f.refuses(m.Blocks) {
		word = "invalid_blocks"
	}
	switch word { // an incoming webhook has fewer error codes: https://github.com/nathanheffley/laravel-slack-blocks/issues/19
	case "invalid_blocks_format", "msg_blocks_too_long":
		word = "invalid_blocks"
	case "msg_too_long":
		word = "invalid_payload"
	}
	return m, word, reasons
}

// trigger answers as Workflow Builder does. It starts a workflow with the variables that it knows, and shows no message:
// https://github.com/slackapi/node-slack-sdk/blob/main/packages/webhook/src/WebhookTrigger.ts.
func (s *Slack) trigger(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if strings.HasSuffix(r.URL.Path, "/broken") {
		_, _ = io.WriteString(w, `{"ok":false,"error":"trigger_error"}`)
		return
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

func (s *Slack) isArchived() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.archived
}

// store stores a message and calls the watcher.
func (s *Slack) store(m *Message, broken bool) {
	s.mu.Lock()
	watch := s.watch
	defer func() { watch(*m) }()
	defer s.mu.Unlock()
	s.posted++
	m.TS, m.At, m.Cut = fmt.Sprintf("%d.%06d", time.Now().Unix(), s.posted), time.Now(), broken
	s.messages = append(s.messages, *m)
	if broken {
		s.cuts++
	}
}

// complainUnlessFault records a refusal that no injected fault caused.
func (s *Slack) complainUnlessFault(f *Fault, word string, reasons []string) {
	if !f.NoCharts && !f.NoBlocks {
		s.complain(word, reasons)
	}
}
