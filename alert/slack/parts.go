package slack

import "github.com/slack-go/slack"

// partKind says how a part is shown.
type partKind int

const (
	partHeader partKind = iota
	partSection
	partField
	partContext
)

// part is one text of a message.
type part struct {
	kind partKind
	text string
}

// partsOf returns the texts of the kinds of block that messages are made of, in their order.
func partsOf(blocks []slack.Block) []part {
	var parts []part
	for _, block := range blocks {
		switch b := block.(type) {
		case *slack.HeaderBlock:
			parts = append(parts, part{kind: partHeader, text: b.Text.Text})
		case *slack.SectionBlock:
			parts = append(parts, partsOfSection(b)...)
		case *slack.ContextBlock:
			parts = append(parts, partsOfContext(b)...)
		}
	}
	return parts
}

func partsOfSection(b *slack.SectionBlock) []part {
	var parts []part
	if b.Text != nil {
		parts = append(parts, part{kind: partSection, text: b.Text.Text})
	}
	for _, f := range b.Fields {
		parts = append(parts, part{kind: partField, text: f.Text})
	}
	return parts
}

func partsOfContext(b *slack.ContextBlock) []part {
	var parts []part
	for _, element := range b.ContextElements.Elements {
		if object, ok := element.(*slack.TextBlockObject); ok {
			parts = append(parts, part{kind: partContext, text: object.Text})
		}
	}
	return parts
}
