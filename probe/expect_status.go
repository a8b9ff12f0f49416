package probe

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"squarewatch/config/setting"
)

// expectStatus requires the last answer to match one of the selectors; a 2xx if there are none.
func expectStatus(e *Expect) (check, error) {
	wanted := e.Status
	if len(wanted) == 0 {
		wanted = []Selector{MustSelector("2xx")}
	}
	for i, s := range wanted {
		if s.pattern.set == setUnexpected {
			return nil, &setting.Invalid{
				Field: fmt.Sprintf("expect.status[%d]", i), Problem: "is unexpected, which cannot be expected", Fix: "write codes, ranges or classes",
			}
		}
	}
	text := selectorList(wanted)
	return func(_ context.Context, seen *observation) string {
		if MatchAny(wanted, Outcome{Class: seen.last.Class, Code: seen.last.Code}) {
			return ""
		}
		switch {
		case seen.last.Class.IsTransport():
			return explain(seen.last.Class, seen.last, seen.timeout)
		case seen.redirect != "":
			return fmt.Sprintf("answered %d: %s", seen.last.Code, seen.redirect)
		}
		return fmt.Sprintf("answered %d, expected %s%s", seen.last.Code, text, hint(seen))
	}, nil
}

func selectorList(selectors []Selector) string {
	texts := make([]string, 0, len(selectors))
	for _, s := range selectors {
		texts = append(texts, s.String())
	}
	return strings.Join(texts, " or ")
}

// hint returns what the kind of an answer says besides its code. 502 and 504 are answers of a gateway (RFC 9110, sections 15.6.3 and
// 15.6.5), and Retry-After belongs to 429 and 503 (RFC 6585, section 4, and RFC 9110, section 15.6.4).
func hint(seen *observation) string {
	switch seen.last.Code {
	case http.StatusBadGateway:
		return "; the answer comes from a gateway before the API: it got no valid answer from the API"
	case http.StatusGatewayTimeout:
		return "; the answer comes from a gateway before the API: it got no answer from the API in time"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if wait := retryAfter(seen.header.Get("Retry-After"), time.Now()); wait > 0 {
			return fmt.Sprintf("; it asks to come back after %v", wait)
		}
	}
	return ""
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, section 10.2.3). It returns 0 for anything else, and for a
// time that is over. It returns a day at most.
func retryAfter(value string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now).Round(time.Second), 0), longest)
}
