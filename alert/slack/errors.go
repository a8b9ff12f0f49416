package slack

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"squarewatch/alert"
)

// answer is what came back for one request.
type answer struct {
	status      int
	word        string // Slack's name of the fault, such as no_service; "ok" when it took the message
	contentType string
	retryAfter  time.Duration

	fault *alert.DeliveryError // why there was none

	api     bool // of the web API, which says in its body whether it took the message
	ok      bool
	strange bool   // what answered is not Slack's API
	needed  string // scope that the token lacks
	ref     string // of the message
}

// failure returns why the message was not taken, nil when it was.
func (a *answer) failure() *alert.DeliveryError {
	switch {
	case a.fault != nil:
		return a.fault
	case a.api && a.status == http.StatusOK && a.ok:
		return nil
	case a.api && a.status == http.StatusOK && !a.strange:
		return a.refusal()
	case a.status == http.StatusOK && (a.strange || strings.HasPrefix(a.contentType, "text/html")):
		return &alert.DeliveryError{
			Reason: alert.ReasonRefused, Permanent: true, Err: errors.New("post to Slack: a web page answered, not Slack"),
			Fix: "let this host reach Slack without the login page or filter that stands between",
		}
	case a.status == http.StatusOK:
		return nil
	case a.status == http.StatusTooManyRequests:
		return &alert.DeliveryError{Reason: alert.ReasonRateLimited, RetryAfter: a.retryAfter, Err: a.cause()}
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return &alert.DeliveryError{Reason: alert.ReasonUnavailable, RetryAfter: a.retryAfter, Err: a.cause()}
	}
	fix := a.fix()
	if a.api { // who answers so is a proxy: Slack's API says what is wrong in an answer of status 200
		fix = "Slack's web API does not answer like this: check api_url, and the proxy on the way"
	}
	return &alert.DeliveryError{Reason: alert.ReasonRefused, Permanent: true, Fix: fix, Err: a.cause()}
}

// refusal is why the web API did not take the message, by the word in its answer.
func (a *answer) refusal() *alert.DeliveryError {
	switch a.word {
	case "ratelimited", "rate_limited":
		return &alert.DeliveryError{Reason: alert.ReasonRateLimited, RetryAfter: a.retryAfter, Err: a.cause()}
	case "internal_error", "fatal_error", "update_failed", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
		return &alert.DeliveryError{Reason: alert.ReasonUnavailable, RetryAfter: a.retryAfter, Err: a.cause()}
	}
	fix := botFixes()[a.word]
	if a.word == "missing_scope" && a.needed != "" {
		fix = "add the scope " + a.needed + " to the app under OAuth & Permissions, and install it again"
	}
	return &alert.DeliveryError{Reason: alert.ReasonRefused, Permanent: true, Fix: cmp.Or(fix, "see what Slack's documentation of chat.postMessage says of this word"), Err: a.cause()}
}

// botFixes are the words of https://docs.slack.dev/reference/methods/chat.postMessage.
func botFixes() map[string]string {
	const token = "write the app's present bot token, xoxb-…, into bot_token" //nolint:gosec // no token
	const report = "please report it as a fault of squarewatch"
	return map[string]string{
		"invalid_auth":                             token,
		"not_authed":                               token,
		"account_inactive":                         "the app was removed from the workspace: install it again, and " + token,
		"token_revoked":                            "the bot token was revoked: install the app again, and " + token,
		"token_expired":                            "the bot token has expired: turn token rotation off for the app, and " + token,
		"not_allowed_token_type":                   "this is no bot token: " + token,
		"no_permission":                            "the bot may not post there: invite it to the channel",
		"missing_scope":                            "add the scope chat:write to the app under OAuth & Permissions, and install it again",
		"ekm_access_denied":                        "the workspace's keys are locked by its admins: ask them",
		"channel_not_found":                        "write the name or identifier of a channel into channel; a private one only after inviting the bot",
		"not_in_channel":                           "invite the bot to the channel, or add the scope chat:write.public",
		"is_archived":                              "unarchive the channel, or write another one into channel",
		"messages_tab_disabled":                    "write a channel into channel, not the bot itself",
		"restricted_action":                        "an admin restricts who may post there: ask for leave, or choose another channel",
		"restricted_action_thread_only_channel":    "an admin allows only threads there: choose another channel",
		"restricted_action_non_threadable_channel": "an admin allows no threads there: choose another channel",
		"restricted_action_read_only_channel":      "the channel is read-only: choose another channel",
		"team_access_not_granted":                  "the app is not installed in the channel's workspace: install it there",
		"org_login_required":                       "the workspace is being moved: wait, and then " + token,
		"two_factor_setup_required":                "the workspace wants two-factor authentication: set it up for who installed the app",
		"msg_too_long":                             report,
		"no_text":                                  report,
		"msg_blocks_too_long":                      report,
		"invalid_blocks":                           report,
		"invalid_arguments":                        report,
		"too_many_attachments":                     report,
	}
}

// firstScope returns the name of a scope when the text is one.
func firstScope(text string) string {
	scope, _, _ := strings.Cut(text, ",")
	if regexp.MustCompile(`^[a-z_.:]{2,60}$`).MatchString(scope) {
		return scope
	}
	return ""
}

func (a *answer) cause() error {
	switch {
	case a.api && a.status == http.StatusOK && a.word != "":
		return fmt.Errorf("post to Slack: %s", a.word)
	case a.word == "":
		return fmt.Errorf("post to Slack: status %d", a.status)
	}
	return fmt.Errorf("post to Slack: status %d %s", a.status, a.word)
}

// refusesBlocks reports whether the same message may pass without its blocks.
func (a *answer) refusesBlocks() bool {
	switch a.word {
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_payload", "invalid_attachments":
		return a.api && a.status == http.StatusOK || a.status >= 400 && a.status < 500
	}
	return false
}

// fix returns what a person must do.
func (a *answer) fix() string {
	return cmp.Or(fixes()[a.word], fixesByStatus()[a.status],
		"check webhook_url: a webhook answers POST with 200 and ok")
}

// fixes are the words of https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and of the changelog of 2016-05-17.
func fixes() map[string]string {
	const renew = "make a new incoming webhook in Slack and write its address into webhook_url"
	return map[string]string{
		"no_service":                        "the webhook was removed or turned off: " + renew,
		"no_service_id":                     "the webhook address is incomplete: copy it again from Slack into webhook_url",
		"no_active_hooks":                   "the webhook was turned off: " + renew,
		"no_team":                           "the workspace in the webhook address does not exist: " + renew,
		"team_disabled":                     "the workspace was shut down: " + renew + " of another workspace",
		"invalid_token":                     "the webhook address is wrong or was revoked: " + renew,
		"user_not_found":                    "the person whom the webhook writes to is gone: " + renew,
		"channel_not_found":                 "the webhook's channel was deleted: " + renew + " for another channel",
		"channel_is_archived":               "unarchive the webhook's channel, or " + renew,
		"action_prohibited":                 "an admin of the workspace restricts this webhook: ask for leave to post there",
		"posting_to_general_channel_denied": "only admins may post to this channel: choose another channel for the webhook",
		"invalid_payload":                   "Slack cannot read the message, not even as plain text: please report it as a fault of squarewatch",
		"invalid_blocks":                    "Slack cannot read the message, not even as plain text: please report it as a fault of squarewatch",
		"no_text":                           "Slack found no text in the message: see whether a proxy changes it on its way",
		"missing_text_or_fallback_or_attachments": "Slack found no text in the message: see whether a proxy changes it on its way",
		"too_many_attachments":                    "Slack cannot take the message: please report it as a fault of squarewatch",
	}
}

func fixesByStatus() map[int]string {
	const moved = "the address redirects elsewhere: write the final address into webhook_url"
	return map[int]string{
		http.StatusMovedPermanently:  moved,
		http.StatusFound:             moved,
		http.StatusSeeOther:          moved,
		http.StatusTemporaryRedirect: moved,
		http.StatusPermanentRedirect: moved,
		http.StatusUnauthorized:      "something before Slack asks for a login: check the proxy and webhook_url",
		http.StatusForbidden:         "the webhook may not post: make a new incoming webhook, and check the proxy",
		http.StatusNotFound:          "nothing answers at this address: copy the webhook's address again from Slack into webhook_url",
		http.StatusMethodNotAllowed:  "the address takes no POST: copy the webhook's address again from Slack into webhook_url",
		http.StatusProxyAuthRequired: "the proxy asks for a login: put it into HTTPS_PROXY",
		http.StatusGone:              "the webhook is gone: make a new incoming webhook and write its address into webhook_url",
	}
}

// firstWord returns Slack's name of a fault when the body is one: what a proxy writes instead is not repeated, since it may hold anything.
func firstWord(body []byte) string {
	word := strings.TrimSpace(string(body))
	if regexp.MustCompile(`^[a-z_]{2,60}$`).MatchString(word) {
		return word
	}
	return ""
}
