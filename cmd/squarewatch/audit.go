package main

import (
	"context"
	"fmt"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe/redact"
)

// longestName bounds a name in the log and in messages, in characters.
const longestName = 100

// onBehalf names who made a change: the verified caller, and the person whom the caller claims to act for.
func onBehalf(caller, claimed string) string {
	if claimed == "" || claimed == caller {
		return caller
	}
	return caller + ", on behalf of " + redact.Text(claimed, longestName)
}

// reportSilence logs a silence and announces it, so that a person cannot mute alerts without others seeing it.
func (d *Daemon) reportSilence(ctx context.Context, s *alert.Silence) {
	d.logSilence(ctx, s)
	text := fmt.Sprintf("%s silenced %s until %s (silence %s)", s.By, mutes(s), s.Until.UTC().Format("2006-01-02 15:04 UTC"), s.ID)
	if s.Comment != "" {
		text += ": " + s.Comment
	}
	d.queueNews(ctx, news{text: text})
}

func (d *Daemon) logSilence(ctx context.Context, s *alert.Silence) {
	d.options.Logger.WarnContext(ctx, "a silence was added",
		"by", s.By, "silence", s.ID, "mutes", mutes(s), "until", s.Until, "comment", s.Comment)
}

// reportUnsilence logs and announces that a silence was removed.
func (d *Daemon) reportUnsilence(ctx context.Context, id, by string) {
	d.options.Logger.WarnContext(ctx, "a silence was removed", "by", by, "silence", id)
	d.queueNews(ctx, news{text: fmt.Sprintf("%s removed silence %s", by, id)})
}

const (
	maxNews     = 32               // changes waiting to be announced; the log has all of them
	newsTimeout = 20 * time.Second // of one announcement
)

// news is a change to announce: a line of text, or a note for the thread of its incident.
type news struct {
	text string
	note *outbox.Note
}

// queueNews queues a change for announceNews. When the queue is full, only the log has the change.
func (d *Daemon) queueNews(ctx context.Context, change news) {
	select {
	case d.news <- change:
	default:
		d.options.Logger.WarnContext(ctx, "a change is not announced: too many are waiting already")
	}
}

// announceNews announces queued changes through every notifier that implements [outbox.Announcer], until ctx ends. It logs failures.
func (d *Daemon) announceNews(ctx context.Context) {
	for {
		var change news
		select {
		case <-ctx.Done():
			return
		case change = <-d.news:
		}
		if change.note != nil {
			d.addNote(ctx, change.note)
			continue
		}
		for name, destination := range *d.announcers.Load() {
			if announcer, ok := destination.Notifier.(outbox.Announcer); ok {
				d.announceTo(ctx, name, announcer, change.text)
			}
		}
	}
}

// addNote adds a note to the delivered messages of its incident. The next message shows it too.
func (d *Daemon) addNote(ctx context.Context, note *outbox.Note) {
	ctx, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	if err := d.outbox.AddNote(ctx, *note); err != nil {
		d.options.Logger.WarnContext(ctx, "cannot add a note to its thread; the next message about the incident has the note", "error", err)
	}
}

func (d *Daemon) announceTo(ctx context.Context, name string, announcer outbox.Announcer, text string) {
	ctx, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	if err := announcer.Announce(ctx, text); err != nil {
		d.options.Logger.WarnContext(ctx, "cannot announce a change", "notifier", name, "error", err)
	}
}
