package slack

import (
	"context"
	"strings"

	"github.com/slack-go/slack"

	"squarewatch/alert/outbox"
)

// maxNotes is how many notes a message shows, the newest ones.
const maxNotes = 2

var _ outbox.Noter = (*Notifier)(nil)

// AddNote posts a note in the thread of an incident's message. Through a webhook it posts nothing: a webhook cannot reply to a message,
// and a separate message would look like another problem. There the next message about the incident shows the note. Errors are of type
// [outbox.DeliveryError].
func (n *Notifier) AddNote(ctx context.Context, ref string, note outbox.Note) error {
	channel, ts, known := strings.Cut(ref, "/")
	if n.settings.BotToken.IsZero() || !known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if failure := n.post(ctx, channel, noteLine(&note, cutExcerpt), nil, slack.MsgOptionTS(ts)).failure(); failure != nil {
		return failure
	}
	return nil
}

// notes are the lines of the newest notes.
func (v view) notes() []string {
	var lines []string
	for _, note := range v.n.Notes[max(len(v.n.Notes)-maxNotes, 0):] {
		lines = append(lines, noteLine(&note, cutNote))
	}
	return lines
}

// noteLine shows a note, cut to limit characters.
func noteLine(note *outbox.Note, limit int) string {
	return "*Note* by " + mention(note.By) + " at " + clock(note.At) + ": " + mrkdwn(note.Text, limit)
}
