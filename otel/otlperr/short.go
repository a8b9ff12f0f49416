package otlperr

import "strings"

// maxLogged is how many bytes of an error are logged. A collector may respond with a whole page, which the exporters put into the error.
const maxLogged = 300

// Short returns the text of an error for a log line, as valid UTF-8.
func Short(err error) string {
	text := err.Error()
	if len(text) > maxLogged {
		return strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	return strings.ToValidUTF8(text, "")
}
