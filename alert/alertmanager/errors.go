package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/config/secret"
)

// answer is the answer to one request.
type answer struct {
	status     int
	quote      string // Alertmanager's own words; empty when something else answered
	page       bool   // the answer is a web page
	login      bool   // the request had an Authorization header
	retryAfter time.Duration
}

// failure returns why the alerts were not accepted; nil when they were.
func (a *answer) failure(doing string) *outbox.DeliveryError {
	err := fmt.Errorf("%s: status %d", doing, a.status)
	if a.quote != "" {
		err = fmt.Errorf("%w, it answers %q", err, a.quote)
	}
	switch {
	case a.status == http.StatusOK && a.page:
		return &outbox.DeliveryError{
			Reason: outbox.ReasonRefused, Permanent: true, Err: errors.New(doing + ": a web page answered, not Alertmanager"),
			Fix: "let this host reach Alertmanager without a login page or a filter on the way",
		}
	case a.status >= 200 && a.status < 300:
		return nil
	case a.status == http.StatusTooManyRequests:
		return &outbox.DeliveryError{Reason: outbox.ReasonRateLimited, RetryAfter: a.retryAfter, Err: err}
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return &outbox.DeliveryError{Reason: outbox.ReasonUnavailable, RetryAfter: a.retryAfter, Err: err}
	}
	return &outbox.DeliveryError{Reason: outbox.ReasonRefused, Permanent: true, Fix: a.fix(), Err: err}
}

// fix returns what a person must do.
func (a *answer) fix() string {
	switch a.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "Alertmanager does not accept the alert: correct what it says, or report it as a fault of squarewatch"
	case http.StatusUnauthorized, http.StatusForbidden:
		if a.login {
			return "the login is refused: correct bearer_token or basic_auth"
		}
		return "Alertmanager requires a login: set bearer_token or basic_auth"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return "there is no API v2 here: check that url is an Alertmanager of version 0.16 or later, with the path of its --web.route-prefix"
	case http.StatusProxyAuthRequired:
		return "the proxy asks for a login: put it into HTTP_PROXY or HTTPS_PROXY"
	case http.StatusRequestEntityTooLarge:
		return "something in front of Alertmanager limits requests: allow some megabytes there"
	}
	if a.status >= 300 && a.status < 400 {
		return "it redirects elsewhere: write the address of the redirect into url"
	}
	return "check url: Alertmanager answers an alert with 200"
}

// quoteOf returns Alertmanager's own words: a JSON string, or a JSON object with a message. The body of a proxy is not quoted, since it
// may hold anything.
func quoteOf(body []byte) string {
	var words string
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &words) == nil {
		return clean(words, answerLimit)
	}
	if json.Unmarshal(body, &object) == nil {
		return clean(object.Message, answerLimit)
	}
	return ""
}

// withoutSecrets masks the login where an answer quotes it.
func (s Settings) withoutSecrets(text string) string {
	secrets := []secret.Text{s.BearerToken}
	if s.BasicAuth != nil {
		secrets = append(secrets, s.BasicAuth.Password)
	}
	for _, hidden := range secrets {
		if !hidden.IsZero() {
			text = strings.ReplaceAll(text, hidden.Reveal(), "***")
		}
	}
	return text
}
