package slack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"squarewatch/alert/outbox"
)

// What is being done, as errors say it.
const (
	doingPost   = "post to Slack"
	doingListen = "listen to Slack"
)

// wordTaken is the whole body with which an incoming webhook says that it took a message. Slack sends it as text/html, so the
// content type says nothing: https://github.com/slackapi/node-slack-sdk/issues/480.
const wordTaken = "ok"

// answer is what came back for one request.
type answer struct {
	doing      string
	token      string // key of the token that the request carried, for advice; empty for a webhook
	status     int
	word       string // Slack's name of the fault, such as no_service; "ok" when a webhook took the message
	retryAfter time.Duration
	stranger   string // what answered, when it is not what should answer; empty when it is

	fault *outbox.DeliveryError // why there was no answer

	api    bool     // of the web API, which says in its body whether it took the message
	ok     bool     // the web API took it
	needed string   // scope that the token lacks
	why    []string // what the web API says of an invalid message, made printable
	ref    string   // of the message
}

// readWebhook reads the body of a webhook's answer: one word.
func (a *answer) readWebhook(body []byte) {
	a.word = firstWord(body)
	if a.status == http.StatusOK && a.word != wordTaken {
		a.stranger = strangerOf(body)
	}
}

// strangerOf says what answered with status 200 when it was not an incoming webhook. It repeats nothing of the body, which may
// hold anything.
func strangerOf(body []byte) string {
	body = bytes.TrimSpace(body)
	var trigger struct {
		OK *bool `json:"ok"`
	}
	switch {
	case len(body) == 0:
		return "an empty answer came"
	case json.Unmarshal(body, &trigger) == nil && trigger.OK != nil:
		// https://github.com/slackapi/node-slack-sdk/blob/main/packages/webhook/src/WebhookTrigger.ts
		return "a workflow's trigger answered, not an incoming webhook"
	case json.Valid(body) && body[0] == '{':
		return "another product's API answered, not Slack"
	case body[0] == '<':
		return "a web page answered, not Slack"
	}
	return "something other than Slack answered"
}

// taken reports whether Slack took the message.
func (a *answer) taken() bool {
	if a.fault != nil || a.status != http.StatusOK || a.stranger != "" {
		return false
	}
	return a.api && a.ok || !a.api && a.word == wordTaken
}

// failure returns why the message was not taken, nil when it was.
func (a *answer) failure() *outbox.DeliveryError {
	switch {
	case a.fault != nil:
		return a.fault
	case a.taken():
		return nil
	case a.status == http.StatusTooManyRequests:
		return &outbox.DeliveryError{Reason: outbox.ReasonRateLimited, RetryAfter: a.retryAfter, Err: a.cause()}
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return &outbox.DeliveryError{Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter, Err: a.cause()}
	case a.stranger != "":
		return a.refused(fmt.Errorf("%s: %s", a.doing, a.stranger), a.strangerFix())
	case a.api && a.status == http.StatusOK:
		return a.refusal()
	case a.api: // a proxy: Slack's API answers with status 200 and says in the body what is wrong
		return a.refused(a.cause(), "Slack's web API does not answer like this: check api_url, and the proxy on the way")
	}
	return a.refused(a.cause(), a.webhookFix())
}

// refused is a failure that a person must mend.
func (a *answer) refused(cause error, fix string) *outbox.DeliveryError {
	return &outbox.DeliveryError{Reason: outbox.ReasonRefused, Permanent: true, Fix: fix, Err: cause}
}

func (a *answer) strangerFix() string {
	if a.api {
		return "check api_url, and let this host reach Slack without the login page or filter that stands between"
	}
	return "check that webhook_url is the address of an incoming webhook, https://hooks.slack.com/services/…, and let this host reach Slack without the login page or filter that stands between"
}

// refusal returns why the web API did not take the message, by the word in its answer. A word that is in no published list is
// quoted and tried again soon: it may pass, and the log shows it.
func (a *answer) refusal() *outbox.DeliveryError {
	known, ok := refusals(a.token)[a.word]
	if !ok {
		return &outbox.DeliveryError{
			Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter,
			Err: fmt.Errorf("%s: %s, an error that this version of squarewatch does not know", a.doing, cmp.Or(a.word, "an unreadable error")),
		}
	}
	cause := fmt.Errorf("%s: %s: %s", a.doing, a.word, known.reason)
	if len(a.why) > 0 {
		cause = fmt.Errorf("%w (%s)", cause, strings.Join(a.why, "; "))
	}
	switch {
	case known.limits:
		return &outbox.DeliveryError{Reason: outbox.ReasonRateLimited, RetryAfter: a.retryAfter, Err: cause}
	case known.fix == "":
		return &outbox.DeliveryError{Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter, Err: cause}
	case a.word == "missing_scope" && a.needed != "" && a.token == keyBotToken:
		return a.refused(cause, "add the scope "+a.needed+" to the app, and install the app again")
	}
	return a.refused(cause, known.fix)
}

func (a *answer) cause() error {
	if a.word == "" {
		return fmt.Errorf("%s: status %d", a.doing, a.status)
	}
	return fmt.Errorf("%s: status %d %s", a.doing, a.status, a.word)
}

// refusesForm reports whether the same message may pass in a plainer or shorter form.
func (a *answer) refusesForm() bool {
	if a.api {
		return a.status == http.StatusOK && !a.ok && refusals(a.token)[a.word].form
	}
	return a.status >= 400 && a.status < 500 && webhookRefusals()[a.word].form
}

// cannotBeEdited reports whether the message can no longer be changed: it was deleted, the workspace forbids it, or its channel is
// gone. A new message must say what holds now.
func (a *answer) cannotBeEdited() bool { return a.api && !a.ok && refusals(a.token)[a.word].edit }

// cannotBeAnswered reports whether the message takes no reply in its thread. The channel may still take a message.
func (a *answer) cannotBeAnswered() bool { return a.api && !a.ok && refusals(a.token)[a.word].thread }

// webhookFix returns what a person must do after a webhook's refusal.
func (a *answer) webhookFix() string {
	return cmp.Or(webhookRefusals()[a.word].fix, fixesByStatus()[a.status],
		"check webhook_url: an incoming webhook answers POST with 200 and ok")
}

// firstWord returns the body when it is one of Slack's words; empty otherwise. What a proxy writes instead is not repeated, since
// it may hold anything.
func firstWord(body []byte) string {
	word := strings.TrimSpace(string(body))
	if regexp.MustCompile(`^[a-z][a-z0-9_-]{1,59}$`).MatchString(word) {
		return word
	}
	return ""
}

// readAPI reads an answer of the web API.
func (a *answer) readAPI(body []byte) {
	var said struct {
		OK       *bool  `json:"ok"`
		Error    string `json:"error"`
		Needed   string `json:"needed"`
		Channel  string `json:"channel"`
		TS       string `json:"ts"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	a.api = true
	if err := json.Unmarshal(body, &said); err != nil || said.OK == nil {
		if a.status == http.StatusOK {
			a.stranger = apiStrangerOf(body)
		}
		return
	}
	a.ok, a.word, a.needed = *said.OK, firstWord([]byte(said.Error)), firstScope(said.Needed)
	for _, text := range said.Metadata.Messages[:min(len(said.Metadata.Messages), maxReasons)] {
		a.why = append(a.why, plain(text, cutReason))
	}
	// chat.update takes the channel's ID only, which this answer holds: https://docs.slack.dev/reference/methods/chat.update.
	if a.ok && said.Channel != "" && said.TS != "" {
		a.ref = said.Channel + "/" + said.TS
	}
}

// maxReasons is how many of the web API's remarks on one message an error repeats.
const maxReasons = 3

func apiStrangerOf(body []byte) string {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return "an empty answer came"
	case body[0] == '<':
		return "a web page answered, not Slack's web API"
	}
	return "something other than Slack's web API answered"
}

// firstScope returns the name of a scope when the text is one.
func firstScope(text string) string {
	scope, _, _ := strings.Cut(text, ",")
	if regexp.MustCompile(`^[a-z_.:]{2,60}$`).MatchString(scope) {
		return scope
	}
	return ""
}

var errNoURL = errors.New("no address to connect to was named")
