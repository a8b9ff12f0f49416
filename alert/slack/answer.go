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

// What is being done, for errors.
const (
	doingPost   = "post to Slack"
	doingListen = "listen to Slack"
)

// wordAccepted is the whole body of an incoming webhook that accepted a message. Slack sends it as text/html, so the content type does not
// identify it: https://github.com/slackapi/node-slack-sdk/issues/480.
const wordAccepted = "ok"

// answer is the answer to one request.
type answer struct {
	doing      string // what was being done
	token      string // key of the token in the request, for the advice; empty for a webhook
	status     int
	word       string // Slack's name of the fault, such as no_service; "ok" when a webhook accepted the message
	retryAfter time.Duration
	notSlack   string // describes what answered instead of Slack; empty when Slack did

	fault *outbox.DeliveryError // why there was no answer

	api    bool     // the web API answered; its body says whether it accepted the message
	ok     bool     // the web API accepted the message
	needed string   // scope that the token lacks
	why    []string // the web API's reasons for an invalid message, made printable
	ref    string   // reference of the message
}

// readWebhook reads the body of a webhook's answer: one word.
func (a *answer) readWebhook(body []byte) {
	a.word = firstWord(body)
	if a.status == http.StatusOK && a.word != wordAccepted {
		a.notSlack = describeNotWebhook(body)
	}
}

// describeNotWebhook describes what answered with status 200 and is not an incoming webhook. It quotes nothing of the body, which may
// hold anything.
func describeNotWebhook(body []byte) string {
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

// accepted reports whether Slack accepted the message.
func (a *answer) accepted() bool {
	if a.fault != nil || a.status != http.StatusOK || a.notSlack != "" {
		return false
	}
	return a.api && a.ok || !a.api && a.word == wordAccepted
}

// failure returns why the message was not accepted; nil when it was.
func (a *answer) failure() *outbox.DeliveryError {
	switch {
	case a.fault != nil:
		return a.fault
	case a.accepted():
		return nil
	case a.status == http.StatusTooManyRequests:
		return &outbox.DeliveryError{Reason: outbox.ReasonRateLimited, RetryAfter: a.retryAfter, Err: a.cause()}
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return &outbox.DeliveryError{Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter, Err: a.cause()}
	case a.notSlack != "":
		return a.refused(fmt.Errorf("%s: %s", a.doing, a.notSlack), a.notSlackFix())
	case a.api && a.status == http.StatusOK:
		return a.refusal()
	case a.api: // a proxy: Slack's API answers with status 200 and names its errors in the body
		return a.refused(a.cause(), "Slack's web API does not answer like this: check api_url, and the proxy on the way")
	}
	return a.refused(a.cause(), a.webhookFix())
}

// refused is a failure that a person must fix.
func (a *answer) refused(cause error, fix string) *outbox.DeliveryError {
	return &outbox.DeliveryError{Reason: outbox.ReasonRefused, Permanent: true, Fix: fix, Err: cause}
}

const fixAccess = "let this host reach Slack without a login page or a filter on the way"

func (a *answer) notSlackFix() string {
	if a.api {
		return "check api_url, and " + fixAccess
	}
	return "check that webhook_url is the address of an incoming webhook, https://hooks.slack.com/services/…, and " + fixAccess
}

// refusal returns why the web API did not accept the message, by the error code in its answer. An unknown code is quoted in the error,
// and the delivery is repeated, since the fault may be temporary.
func (a *answer) refusal() *outbox.DeliveryError {
	listed, ok := refusals(a.token)[a.word]
	if !ok {
		return &outbox.DeliveryError{
			Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter,
			Err: fmt.Errorf("%s: %s, an error that this version of squarewatch does not know", a.doing, cmp.Or(a.word, "an unreadable error")),
		}
	}
	cause := fmt.Errorf("%s: %s: %s", a.doing, a.word, listed.reason)
	if len(a.why) > 0 {
		cause = fmt.Errorf("%w (%s)", cause, strings.Join(a.why, "; "))
	}
	switch {
	case listed.limits:
		return &outbox.DeliveryError{Reason: outbox.ReasonRateLimited, RetryAfter: a.retryAfter, Err: cause}
	case listed.fix == "":
		return &outbox.DeliveryError{Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter, Err: cause}
	case a.word == "missing_scope" && a.needed != "" && a.token == keyBotToken:
		return a.refused(cause, "add the scope "+a.needed+" to the app, and install the app again")
	}
	return a.refused(cause, listed.fix)
}

func (a *answer) cause() error {
	if a.word == "" {
		return fmt.Errorf("%s: status %d", a.doing, a.status)
	}
	return fmt.Errorf("%s: status %d %s", a.doing, a.status, a.word)
}

// refusesForm reports whether Slack may accept the same message in a plainer or shorter form.
func (a *answer) refusesForm() bool {
	if a.api {
		return a.status == http.StatusOK && !a.ok && refusals(a.token)[a.word].form
	}
	return a.status >= 400 && a.status < 500 && webhookRefusals()[a.word].form
}

// refusesEdits reports whether the message can no longer be updated: it was deleted, the workspace forbids updates, or its channel was
// deleted. A new message must then show the current state.
func (a *answer) refusesEdits() bool { return a.api && !a.ok && refusals(a.token)[a.word].cannotEdit }

// refusesReplies reports whether the thread of the message refuses replies. The channel may still accept a message.
func (a *answer) refusesReplies() bool {
	return a.api && !a.ok && refusals(a.token)[a.word].cannotReply
}

// webhookFix returns what a person must do after a webhook's refusal.
func (a *answer) webhookFix() string {
	return cmp.Or(webhookRefusals()[a.word].fix, fixesByStatus()[a.status],
		"check webhook_url: an incoming webhook answers POST with 200 and ok")
}

// firstWord returns the body when it has the form of a Slack error code; empty otherwise. The body of a proxy is not quoted, since it
// may hold anything.
func firstWord(body []byte) string {
	word := strings.TrimSpace(string(body))
	if regexp.MustCompile(`^[a-z][a-z0-9_-]{1,59}$`).MatchString(word) {
		return word
	}
	return ""
}

// readAPI reads an answer of the web API.
func (a *answer) readAPI(body []byte) {
	var reply struct {
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
	if err := json.Unmarshal(body, &reply); err != nil || reply.OK == nil {
		if a.status == http.StatusOK {
			a.notSlack = describeNotAPI(body)
		}
		return
	}
	a.ok, a.word, a.needed = *reply.OK, firstWord([]byte(reply.Error)), firstScope(reply.Needed)
	for _, text := range reply.Metadata.Messages[:min(len(reply.Metadata.Messages), maxReasons)] {
		a.why = append(a.why, plain(text, cutReason))
	}
	// chat.update accepts only the channel's ID, which this answer holds: https://docs.slack.dev/reference/methods/chat.update.
	if a.ok && reply.Channel != "" && reply.TS != "" {
		a.ref = reply.Channel + "/" + reply.TS
	}
}

// maxReasons is the number of the web API's reasons that an error quotes.
const maxReasons = 3

func describeNotAPI(body []byte) string {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return "an empty answer came"
	case body[0] == '<':
		return "a web page answered, not Slack's web API"
	}
	return "something other than Slack's web API answered"
}

// firstScope returns the first of a list of scopes; empty when the text is not such a list.
func firstScope(text string) string {
	scope, _, _ := strings.Cut(text, ",")
	if regexp.MustCompile(`^[a-z_.:]{2,60}$`).MatchString(scope) {
		return scope
	}
	return ""
}

var errNoURL = errors.New("the answer names no address to connect to")
