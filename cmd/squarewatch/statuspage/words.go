package statuspage

import (
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/redact"
)

// The limits of foreign text on a page, in characters.
const (
	cutExcerpt = 300
	cutName    = 100
	cutNote    = 500
)

// foreign makes foreign text safe to show. It removes characters that do not print or that change the direction of writing, and cuts the
// text to limit characters. The templates escape it for HTML.
func foreign(text string, limit int) string { return redact.Cut(redact.Printable(text), limit) }

// wording is how a page writes what is inserted into the sentences of package alert.
func wording() alert.Wording {
	return alert.Wording{
		Escape: func(text string) string { return foreign(text, cutExcerpt) },
		Trace:  func(*alert.Example) bool { return false },
	}
}

// outcome names the result of a run by its code and class.
func outcome(class probe.Class, code int) string {
	name := strings.ReplaceAll(class.String(), "_", " ")
	if code == 0 || class.IsTransport() {
		return name
	}
	return strings.TrimSpace(strconv.Itoa(code) + " " + name)
}

func lasting(d time.Duration) string { return alert.Lasting(d, alert.DurationSpaced) }

// clock writes a time in UTC: the time of day, and before it the date if that differs from the date of now.
func clock(t, now time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 Jan 15:04:05")
}

// millis writes a latency.
func millis(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < 10*time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// missReason says why a run was missed.
func missReason(reason probe.MissReason) string {
	switch reason {
	case probe.MissOverrun:
		return "the last run had not ended"
	case probe.MissLimit:
		return "the limits allowed no start"
	case probe.MissGap:
		return "squarewatch did not run"
	case probe.MissShutdown:
		return "squarewatch was stopping"
	case probe.MissPanic:
		return "a fault in squarewatch stopped it"
	}
	return string(reason)
}
