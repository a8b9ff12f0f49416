package spool

import "strings"

// maxFault is how much of an error is logged, in bytes: a collector may answer with a whole page.
const maxFault = 300

// Short returns the text of an error as it is logged.
func Short(err error) string {
	text := err.Error()
	if len(text) > maxFault {
		text = strings.ToValidUTF8(text[:maxFault], "") + "…"
	}
	return text
}
