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

// onBehalf names who did something: the name that is known, with what that caller says.
func onBehalf(known, claimed string) string {
	if claimed == "" || claimed == known {
		return known
	}
	return known + ", on behalf of " + redact.Text(claimed, longestName)
}

// silenced logs a silence and announces it to every notifier that can: nobody mutes without others knowing.
func (d *Daemon) silenced(ctx context.Context, s *alert.Silence) {
	d.logSilence(ctx, s)
	text := fmt.Sprintf("%s silenced %s until %s (silence %s)", s.By, mutes(s), s.Until.UTC().Format("2006-01-02 15:04 UTC"), s.ID)
	if s.Comment != "" {
		text += ": " + s.Comment
	}
	d.tell(ctx, text)
}

func (d *Daemon) logSilence(ctx context.Context, s *alert.Silence) {
	d.options.Logger.WarnContext(ctx, "a silence was added", "by", s.By, "silence", s.ID, "mutes", mutes(s), "until", s.Until, "comment", s.Comment)
}

// unsilenced does the same for the end of one.
func (d *Daemon) unsilenced(ctx context.Context, id, by string) {
	d.options.Logger.WarnContext(ctx, "a silence was removed", "by", by, "silence", id)
	d.tell(ctx, fmt.Sprintf("%s removed silence %s", by, id))
}

const (
	mostNews    = 32               // changes that wait to be announced; the log has all of them
	newsTimeout = 20 * time.Second // of one announcement
)

// tell has something announced. When too much waits already, only the log has it.
func (d *Daemon) tell(ctx context.Context, text string) {
	select {
	case d.news <- text:
	default:
		d.options.Logger.WarnContext(ctx, "a change is not announced, because too many wait already")
	}
}

// announceNews announces changes to every notifier that can, until ctx ends. One that cannot be reached is logged.
func (d *Daemon) announceNews(ctx context.Context) {
	for {
		var text string
		select {
		case <-ctx.Done():
			return
		case text = <-d.news:
		}
		for name, destination := range *d.announcers.Load() {
			if announcer, ok := destination.Notifier.(outbox.Announcer); ok {
				d.announceTo(ctx, name, announcer, text)
			}
		}
	}
}

func (d *Daemon) announceTo(ctx context.Context, name string, announcer outbox.Announcer, text string) {
	ctx, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	if err := announcer.Announce(ctx, text); err != nil {
		d.options.Logger.WarnContext(ctx, "a change could not be announced", "notifier", name, "error", err)
	}
}
