package slack_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"

	slackgo "github.com/slack-go/slack"
)

// checkLimits checks a message against Slack's published limits, and with slack-go's validation.
func checkLimits(t *testing.T, m slack.Message) {
	t.Helper()
	if len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		t.Errorf("%d blocks, want 1 to 50", len(m.Blocks))
	}
	checkText(t, "text", m.Text, 600) // Slack takes 4,000; a phone shows far less
	checkText(t, "plain", m.Plain(), 4000)
	blocks, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{m.Text, m.Plain()} {
		if word, reasons := slackstub.Check(text, string(blocks)); word != "" {
			t.Errorf("the stand-in refuses it: %s %v", word, reasons)
		}
	}
	if strings.Contains(m.Text, "\n") {
		t.Errorf("text has several lines: %q", m.Text)
	}
	for _, block := range m.Blocks {
		switch b := block.(type) {
		case *slackgo.HeaderBlock:
			checkObject(t, b.Text, 150)
		case *slackgo.SectionBlock:
			checkSection(t, b)
		case *slackgo.ContextBlock:
			if len(b.ContextElements.Elements) > 10 {
				t.Error("more than 10 elements in a context")
			}
			for _, e := range b.ContextElements.Elements {
				checkObject(t, e.(*slackgo.TextBlockObject), 2000)
			}
		case *slackgo.DataVisualizationBlock:
			if err := b.Validate(); err != nil {
				t.Errorf("the chart is not valid: %v", err)
			}
		case *slackgo.ActionBlock:
			checkButtons(t, b)
		default:
			t.Errorf("unexpected block %T", block)
		}
	}
}

// checkButtons checks buttons against https://docs.slack.dev/reference/block-kit/block-elements/button-element.
func checkButtons(t *testing.T, b *slackgo.ActionBlock) {
	t.Helper()
	if len(b.Elements.ElementSet) > 25 {
		t.Errorf("%d buttons, want at most 25", len(b.Elements.ElementSet))
	}
	for _, e := range b.Elements.ElementSet {
		button, ok := e.(*slackgo.ButtonBlockElement)
		if !ok || utf8.RuneCountInString(button.Text.Text) > 75 || len(button.ActionID) > 255 || len(button.Value) > 2000 ||
			len(button.URL) > 3000 {
			t.Errorf("a button is beyond Slack's limits: %+v", e)
		}
	}
}

func checkSection(t *testing.T, b *slackgo.SectionBlock) {
	t.Helper()
	if b.Text == nil && len(b.Fields) == 0 || len(b.Fields) > 10 {
		t.Errorf("section without text and %d fields", len(b.Fields))
	}
	if b.Text != nil {
		checkObject(t, b.Text, 3000)
	}
	for _, f := range b.Fields {
		checkObject(t, f, 2000)
	}
}

func checkObject(t *testing.T, o *slackgo.TextBlockObject, limit int) {
	t.Helper()
	if err := o.Validate(); err != nil {
		t.Errorf("%v: %q", err, o.Text)
	}
	if o.Type == slackgo.MarkdownType {
		checkText(t, "object", o.Text, limit)
		if !o.Verbatim {
			t.Errorf("not verbatim, so plain words become links: %q", o.Text)
		}
	}
	if utf8.RuneCountInString(o.Text) > limit {
		t.Errorf("%d characters, limit %d: %q", utf8.RuneCountInString(o.Text), limit, o.Text)
	}
}

// ours matches the only control sequences that we write: dates, links to web addresses (also in the title), and the mention of the person
// who acknowledged.
func ours() *regexp.Regexp {
	return regexp.MustCompile(`<!date\^\d+\^[{}a-z_ ]+\|[0-9:UTC -]+>|` +
		`<https?://[^<>|\s]+\|(trace|run|Runbook|what to do, step by step)>|<@[UW][A-Z0-9]{5,20}>|` +
		`<https?://[^<>|\s]+\|[🔴🟡🔵🟢⚪] [A-Z]+[^<>|\n]*>`)
}

// checkText finds texts that could mention people, make links, hide characters, or break the layout.
func checkText(t *testing.T, what, s string, limit int) {
	t.Helper()
	if n := utf8.RuneCountInString(s); n == 0 || n > limit {
		t.Errorf("%s has %d characters, want 1 to %d", what, n, limit)
	}
	if !utf8.ValidString(s) {
		t.Errorf("%s is not UTF-8: %q", what, s)
	}
	if rest := ours().ReplaceAllString(s, ""); strings.Contains(strings.ReplaceAll(rest, "\n> ", "\n"), "<") ||
		strings.Contains(strings.ReplaceAll(rest, "\n> ", "\n"), ">") {
		t.Errorf("%s has a control sequence that is not ours: %q", what, s)
	}
	if bad := regexp.MustCompile(`[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]|@(here|channel|everyone)`).FindString(strings.ReplaceAll(s, "\n",
		"")); bad != "" {
		t.Errorf("%s has %q: %q", what, bad, s)
	}
	if regexp.MustCompile(`&(?:[^agl]|$)`).MatchString(s) {
		t.Errorf("%s has half an entity: %q", what, s)
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Count(line, "`")%2 != 0 || strings.Count(line, "*")%2 != 0 {
			t.Errorf("%s has a style without its end: %q", what, line)
		}
	}
}
