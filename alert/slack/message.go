package slack

import (
	"fmt"
	"slices"
	"strings"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// Message is a notification as Slack shows it.
type Message struct {
	Event    alert.Event
	Severity alert.Severity
	Text     string        // one line of mrkdwn, for phones and screen readers
	Blocks   []slack.Block // what the channel shows: headers, sections and contexts
}

// Render makes the message of a notification. It is pure: the same notification gives the same message.
func Render(n outbox.Notification, options Options) Message {
	return view{n: &n, incident: &n.Incident, options: options}.message()
}

func (v view) message() Message {
	message := Message{Event: v.n.Event, Severity: v.incident.Severity, Text: textOf(v.n)}
	switch v.n.Event {
	case alert.EventTest:
		message.Blocks = v.test()
	case alert.EventResolved, alert.EventEnded:
		message.Blocks = v.resolved()
	case alert.EventFiring, alert.EventUpdate:
		message.Blocks = v.firing()
	}
	return message
}

// Plain returns the message as mrkdwn without blocks, for use when Slack refuses blocks. It has at most textLimit characters; the last
// lines are left out when there is no room for them.
func (m Message) Plain() string {
	text := []string{m.Text}
	for _, part := range partsOf(m.Blocks) {
		switch part.kind {
		case partHeader: // the first line says the same and more
		case partField:
			text = append(text, strings.Replace(part.text, "*\n", ":* ", 1))
		case partSection, partContext:
			text = append(text, part.text)
		}
	}
	return bounded(text)
}

// view draws the blocks of one notification.
type view struct {
	n        *outbox.Notification
	incident *alert.Incident
	options  Options
	alone    bool // the incident has no other message in the channel, so this one shows the examples
}

// firing shows, in this order: whose fault it is and why that is known, the figures, the examples, and what to do next.
func (v view) firing() []slack.Block {
	blocks := []slack.Block{v.titleBlock()}
	if explained, ok := v.incident.Explain(v.wording(cutReason)); ok {
		blocks = append(blocks, section(v.culprit(&explained)))
		if why := v.reasons(&explained); why != "" {
			blocks = append(blocks, section(why))
		}
	}
	blocks = append(blocks, fields(v.firingFields()))
	if drawn := chart(v.incident); drawn != nil {
		blocks = append(blocks, drawn)
	}
	blocks = append(append(blocks, v.examples()...), v.closingBlocks()...)
	if v.options.Buttons {
		blocks = append(blocks, v.buttons()...)
	}
	return blocks
}

func (v view) examples() []slack.Block {
	var blocks []slack.Block
	for i := range v.incident.Examples[:min(len(v.incident.Examples), maxExamples)] {
		blocks = append(blocks, section(v.example(&v.incident.Examples[i])))
	}
	return blocks
}

func (v view) resolved() []slack.Block {
	say := spans(v.incident)
	if v.n.Event == alert.EventEnded {
		say = "*It did not recover:* " + mrkdwn(v.incident.EndReason, cutReason) + ". " + say
	} else if t := v.incident.Trouble; t != nil {
		say += " What failed: " + whatFailed(t)
	} else if explained, ok := v.incident.Explain(v.wording(cutReason)); ok && v.incident.Condition == alert.ConditionNetwork {
		say += " *" + explained.Say + "* " + explained.Act
	}
	if v.incident.Condition == alert.ConditionAccess {
		say = "*" + alert.BreachOver + "* " + say
	}
	blocks := []slack.Block{v.titleBlock(), section(say), fields(v.resolvedFields())}
	if v.alone {
		blocks = append(blocks, v.examples()...)
	}
	return append(blocks, v.closingBlocks()...)
}

func (v view) test() []slack.Block {
	say := "squarewatch can post here. This is a test. No action is needed."
	about := "notifier " + mrkdwn(v.n.Notifier, cutName) + " · " + date(v.n.At)
	if v.options.Location != "" {
		about += " · sent from " + mrkdwn(v.options.Location, cutName)
	}
	return []slack.Block{header(v.title()), section(say), contextLine(about)}
}

// closingBlocks returns the last blocks of every message about an incident.
func (v view) closingBlocks() []slack.Block {
	var blocks []slack.Block
	also := others(append(slices.Clone(v.n.Others), v.n.Group...))
	for _, line := range append(slices.Concat(v.acknowledged(), v.notes(), v.remarks()), also, v.runbook()) {
		if line != "" {
			blocks = append(blocks, section(line))
		}
	}
	return append(blocks, contextLine(v.footer()))
}

// title shows the urgency as a colour and as a word.
func (v view) title() string {
	if v.n.Event == alert.EventTest {
		return "⚪ TEST " + heading(v.n.Notifier)
	}
	return fmt.Sprintf("%s %s %s %s", colour(v.n.Event, v.incident.Severity), eventName(v.n.Event),
		heading(v.incident.Rule), heading(v.incident.Series))
}

// titleBlock shows the title, with a link to the incident's page if it has one. A title with a link is a section, because a header is
// plain text and cannot hold a link: https://docs.slack.dev/reference/block-kit/blocks/header-block.
func (v view) titleBlock() slack.Block {
	page := v.options.Site.Incident(v.incident.ID)
	if page == "" || len(page) > cutPage {
		return header(v.title())
	}
	return section("*" + link(page, label(v.title())) + "*")
}

// colour returns the circle that shows the urgency of an event.
func colour(event alert.Event, severity alert.Severity) string {
	switch {
	case event == alert.EventResolved:
		return "🟢"
	case event == alert.EventEnded:
		return "⚪"
	case severity == alert.Critical:
		return "🔴"
	case severity == alert.Warning:
		return "🟡"
	}
	return "🔵"
}

// eventName returns the event in capitals, the first word of every text.
func eventName(event alert.Event) string { return strings.ToUpper(string(event)) }

// field is a name and its value, in mrkdwn.
type field struct{ name, value string }

func header(text string) slack.Block {
	return slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, text, true, false))
}

func section(text string) slack.Block { return slack.NewSectionBlock(verbatim(text), nil, nil) }

func fields(all []field) slack.Block {
	objects := make([]*slack.TextBlockObject, 0, len(all))
	for _, f := range all {
		objects = append(objects, verbatim("*"+f.name+"*\n"+f.value))
	}
	return slack.NewSectionBlock(nil, objects, nil)
}

func contextLine(text string) slack.Block { return slack.NewContextBlock("", verbatim(text)) }

// verbatim returns mrkdwn in which Slack makes no automatic links and mentions.
func verbatim(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, true)
}
