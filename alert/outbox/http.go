package outbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The reasons of a [DeliveryError].
const (
	ReasonRateLimited = "rate_limited"
	ReasonUnavailable = "unavailable"
	ReasonNetwork     = "network"
	ReasonTimeout     = "timeout"
	ReasonRefused     = "refused"
	ReasonInvalid     = "invalid"
)

// maxRetryAfter limits the wait that a broken proxy can ask for.
const maxRetryAfter = 24 * time.Hour

var errNotHTTP = errors.New("the server does not speak HTTP")

// NoAnswer returns the [DeliveryError] for an HTTP request that failed without an answer; doing says what was tried. An expired context
// counts as a timeout, whatever the connection reports. The URL, which may hold a secret, is left out of the error. So is what net/http
// quotes from a broken answer, because it may repeat a secret.
func NoAnswer(ctx context.Context, doing string, err error) *DeliveryError {
	reason := ReasonNetwork
	var slow net.Error
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout() {
		reason = ReasonTimeout
	}
	for {
		quoting, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = quoting.Err
	}
	if text := err.Error(); strings.HasPrefix(text, "net/http: HTTP/1.x transport connection broken: ") && strings.Contains(text, `"`) {
		err = errNotHTTP
	}
	return &DeliveryError{Reason: reason, Uncertain: !neverSent(err), Err: fmt.Errorf("%s: %w", doing, err)}
}

// neverSent reports whether an error says that there was no connection to send a request over. Package net names the operation
// that failed: https://pkg.go.dev/net#OpError; net/http adds proxyconnect: https://pkg.go.dev/net/http#Transport.
func neverSent(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == "dial" || failed.Op == "proxyconnect")
}

// RetryAfter parses a Retry-After header: seconds (a fraction is rounded up) or an HTTP date, one day at most. It returns 0 when the
// header is empty or invalid. See RFC 9110, section 10.2.3: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func RetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
		wait := time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
		return (wait + time.Second - 1).Truncate(time.Second)
	}
	if date, err := http.ParseTime(text); err == nil && date.After(now) {
		return min(date.Sub(now), maxRetryAfter)
	}
	return 0
}
