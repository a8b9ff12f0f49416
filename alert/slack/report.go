package slack

import (
	"context"
	"strings"

	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

const (
	// cutTitle is the largest length of a header: https://docs.slack.dev/reference/block-kit/blocks/header-block.
	cutTitle = 150
	// cutParagraph is less than Slack's limit for a section, 3,000 characters. So four sections stay below the limit for all blocks together,
	// 13,200 characters: https://github.com/slackapi/bolt-js/issues/2509.
	cutParagraph = 2900
	// maxParagraphs is how many paragraphs a report shows.
	maxParagraphs = 4
)

var _ outbox.Reporter = (*Notifier)(nil)

// Report posts a report to the channel, outside of every thread. It shows the first four paragraphs, each of 2,900 characters at most.
func (n *Notifier) Report(ctx context.Context, report outbox.Report) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	a := n.send(RenderReport(report), func(text string, blocks []slack.Block) *answer {
		if n.settings.BotToken.IsZero() {
			return n.postWebhook(ctx, text, blocks)
		}
		return n.post(ctx, n.settings.Channel, text, blocks)
	})
	if failure := a.failure(); failure != nil {
		return failure
	}
	return nil
}

// RenderReport makes a message of a report.
func RenderReport(report outbox.Report) Message {
	title := countedStrictly(clean(report.Title), cutTitle)
	blocks := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, title, false, false))}
	for _, paragraph := range report.Paragraphs[:min(len(report.Paragraphs), maxParagraphs)] {
		lines := strings.Split(paragraph, "\n")
		for i := range lines {
			lines[i] = mrkdwn(lines[i], cutReason)
		}
		text := wholeLines(lines, cutParagraph)
		if text == "" {
			continue // Slack refuses an empty section
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil))
	}
	return Message{Text: mrkdwn(report.Title, cutTitle), Blocks: blocks}
}

// wholeLines joins the lines that fit, so that no line and no escaped character is cut.
func wholeLines(lines []string, limit int) string {
	kept, length := 0, 0
	for _, line := range lines {
		if length += len(line) + 1; length > limit {
			break
		}
		kept++
	}
	return strings.TrimSpace(strings.Join(lines[:kept], "\n"))
}
