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

// longestRetryAfter bounds what a broken proxy can ask for.
const longestRetryAfter = 24 * time.Hour

var errNoHTTP = errors.New("what answers there does not speak HTTP")

// NoAnswer sorts an error of a connection over HTTP that brought no answer; doing says what was tried. The context is asked
// first: with it ended, what the connection says is an echo. The address, which may hold a secret, is left out, and so is what
// net/http quotes of an answer that it cannot read, which may repeat one.
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
		err = errNoHTTP
	}
	return &DeliveryError{Reason: reason, Uncertain: !neverSent(err), Err: fmt.Errorf("%s: %w", doing, err)}
}

// neverSent reports whether an error says that there was no connection to send a request over. Package net names the operation
// that failed: https://pkg.go.dev/net#OpError; net/http adds proxyconnect: https://pkg.go.dev/net/http#Transport.
func neverSent(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == "dial" || failed.Op == "proxyconnect")
}

// RetryAfter reads the header of that name: seconds (a fraction is rounded up) or an HTTP date, a day at most; 0 when there
// is neither.
func RetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
		wait := time.Duration(min(seconds, longestRetryAfter.Seconds()) * float64(time.Second))
		return (wait + time.Second - 1).Truncate(time.Second)
	}
	if date, err := http.ParseTime(text); err == nil && date.After(now) {
		return min(date.Sub(now), longestRetryAfter)
	}
	return 0
}
