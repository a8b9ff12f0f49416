package slack_test

import (
	"fmt"
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/probe"

	"github.com/jedib0t/go-pretty/v6/text"
)

func hostileTexts() map[string]string {
	return map[string]string{
		"mentions":       "<!channel> <!here> <!everyone> <@U012AB3CD> <#C123|general> <!subteam^S1> @here @channel @everyone",
		"link":           "<https://evil.example/|https://bank.example> http://evil.example",
		"address":        "https://user:~a*@wiki.example.org/~`page`/*?section=50* 1&x=`1~#a*",
		"entities":       strings.Repeat("&<>", 4_000),
		"huge":           strings.Repeat("a", 10_000),
		"huge wide":      strings.Repeat("生命", 5_000),
		"emoji":          strings.Repeat("🔥", 200),
		"emoji by name":  strings.Repeat(":fire:", 200),
		"beyond 16 bits": strings.Repeat("𠮷", 5_000),
		"symbols":        "⚠️ ‼️ ©®™ ↔ ☠ 〰 ㊗ Ⓜ " + strings.Repeat("▶", 60),
		"fences":         "``` `a` ``` *b* _c_ ~d~ \n> quote",
		"control":        "\x00\x1b[31mred\x1b[0m\x07\u0085\u2028\u2029\r\n\n\n\t",
		"right to left":  "\u202egnp.exe\u2066\u2069\u200f\u061c",
		"invisible":      "a\u200b\u200d\ufeff\u00ad\U000e0041b\ufe0f",
		"invalid UTF-8":  "\xff\xfe\xc3\x28",
		"html":           "<!DOCTYPE html>\n<html><body onload=alert(1)>502 Bad Gateway</body></html>",
		"date":           "<!date^0^{date}|x>",
		"empty":          "",
		"only invisible": "\u200b",
	}
}

// hostile puts a text into every field that foreign text or the operator can fill.
func hostile(s string) outbox.Notification {
	i := serverErrors()
	i.ID, i.Rule, i.Series, i.Runbook, i.Severity = s, s, s, s, alert.Severity(s)
	i.Labels = map[string]string{s: s}
	for k := range i.Examples {
		i.Examples[k].Probe, i.Examples[k].Reason, i.Examples[k].Excerpt = "p"+s, s, s
	}
	i.Confidence, i.Low, i.High, i.Course, i.Recent, i.EndReason = 0.95, 0.22, 0.61, course(), recent(), s
	i.Acknowledged, i.Reopened, i.Overdue, i.Affected = &alert.Acknowledgement{By: s, At: at("03:10:00")}, 1, true, []string{s, s}
	i.Joined = []alert.JoinedSeries{{Rule: s, Series: s}, {Rule: s + "x", Series: s}, {Rule: s, Series: s, Over: true}}
	i.Blame, i.Blamed, i.Advice = probe.BlameUnknown, s, s
	i.Evidence = []probe.Evidence{{Text: s, At: at("03:04:02")}, {Text: s}, {Text: s}, {Text: s}}
	n := notification(alert.EventFiring, "03:04:05", i)
	n.Others = []alert.Incident{i, resolved(i)}
	n.Group = []alert.Incident{i, resolved(i)}
	n.Notifier = s
	for range 4 {
		n.Notes = append(n.Notes, outbox.Note{At: at("03:05:00"), By: s, Text: s})
	}
	return n
}

// everything returns options with buttons, and the text as the support address.
func everything(s string) slack.Options {
	return slack.Options{TraceURL: traceURL, Support: s, Buttons: true, Site: "https://watch.example.org/a|b>c<!channel>"}
}

func TestHostileTextsAreHarmless(t *testing.T) {
	for name, s := range hostileTexts() {
		t.Run(name, func(t *testing.T) {
			for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventTest} {
				n := hostile(s)
				n.Event = event
				if event == alert.EventResolved {
					n.Incident = resolved(n.Incident)
				}
				m := slack.Render(n, everything(s))
				checkLimits(t, m)
				checkBox(t, slack.Terminal(m, 60, true), 60)
			}
		})
	}
}

// TestACrowdFitsIntoAMessage fills every list of a message with many long names, of which each is different.
func TestACrowdFitsIntoAMessage(t *testing.T) {
	for _, long := range []string{strings.Repeat("a", 100), strings.Repeat("&", 100), strings.Repeat("生", 100)} {
		n := hostile(strings.Repeat(long, 100))
		n.Others, n.Group = nil, nil
		i := &n.Incident
		i.Labels, i.Joined, i.Affected = map[string]string{}, nil, nil
		for number := range 40 {
			name := fmt.Sprintf("%02d%s", number, long)
			firing, over, ended := serverErrors(), resolved(serverErrors()), resolved(serverErrors())
			firing.Rule, firing.Series, over.Rule, over.Series, ended.Rule, ended.Series = name, "f"+name, name, "o"+name, name, "e"+name
			ended.EndReason = name
			n.Others = append(n.Others, firing, over, ended)
			i.Joined = append(i.Joined, alert.JoinedSeries{Rule: name, Series: name}, alert.JoinedSeries{Rule: name, Series: name, Over: true})
			i.Affected = append(i.Affected, name+" "+name)
			i.BadProbes = append(i.BadProbes, alert.ProbeCount{Probe: name, Runs: 1_000_000, Bad: 1_000_000})
			i.Labels[name] = name
			i.Classes = append(i.Classes, alert.ClassCount{Class: probe.ServerError, Code: 500 + number, Runs: 1_000_000})
		}
		for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
			if n.Event = event; event.Ends() {
				n.Incident = resolved(n.Incident)
			}
			checkLimits(t, slack.Render(n, everything(long)))
		}
	}
}

func FuzzNoTextBreaksAMessage(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s[:min(len(s), 2000)])
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := slack.Render(hostile(s), everything(s))
		checkLimits(t, m)
		checkBox(t, slack.Terminal(m, 80, true), 80)
	})
}

func checkBox(t *testing.T, box string, width int) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSuffix(box, "\n"), "\n") {
		if got := text.StringWidthWithoutEscSequences(line); got != width {
			t.Errorf("a line of the box has %d columns, want %d: %q", got, width, line)
		}
	}
}
