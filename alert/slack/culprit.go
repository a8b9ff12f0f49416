package slack

import (
	"strings"

	"squarewatch/alert"
)

// wording says how a message writes what is inserted into the sentences of package alert. limit cuts each piece of foreign text.
func (v view) wording(limit int) alert.Wording {
	return alert.Wording{
		Escape:  func(text string) string { return mrkdwn(text, limit) },
		Command: func(text string) string { return code(text, cutPhrase) },
		Trace:   func(e *alert.Example) bool { return v.traced(*e) },
	}
}

// culprit returns whose fault the incident is, in bold, and what to do now.
func (v view) culprit(explained *alert.Explanation) string {
	prefix := ""
	if blameChanged(v.n) {
		prefix = "*Fault reassessed:* "
	}
	return strings.TrimSpace(prefix + "*" + explained.Say + "* " + explained.Act)
}

// reasons lists why the culprit is known, one piece of evidence per line, with its time.
func (v view) reasons(explained *alert.Explanation) string {
	lines := make([]string, 0, len(explained.Reasons))
	for i := range explained.Reasons {
		reason := &explained.Reasons[i]
		line := "Because: " + mrkdwn(reason.Text, cutPhrase)
		if !reason.At.IsZero() {
			line += " · " + clock(reason.At)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// traced reports whether a run has a trace that is exported.
func (v view) traced(e alert.Example) bool { return e.Trace.IsValid() && !v.options.Untraced }
