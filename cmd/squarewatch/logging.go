package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"squarewatch/probe/redact"
)

// The formats of the log.
const (
	logText = "text"
	logJSON = "json"
)

// newLogger returns the daemon's logger. When the log goes to the systemd journal, each line begins with its priority as in
// sd-daemon(3), so that journalctl --priority works. These lines have no time, because the journal adds it.
func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	return loggerFor(w, format, writesToJournal())
}

// writesToJournal reports whether stderr leads to the journal.
func writesToJournal() bool {
	isJournal, err := journal.StderrIsJournalStream()
	return isJournal && err == nil
}

// redirectStandardLog sends the standard library's own messages, such as those of net/http about connections, to the logger.
func redirectStandardLog(logger *slog.Logger) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	slog.SetDefault(slog.New(foreignText{logger.Handler(), &repeats{seen: map[string]time.Time{}}}))
}

// foreignText is a log handler for messages that may quote what an unknown client sent.
type foreignText struct {
	slog.Handler

	repeats *repeats
}

// Handle shortens the message, masks secrets in it, and passes the record on. The message of a panic stays whole, with its stack. A message
// that repeats is passed on once.
func (h foreignText) Handle(ctx context.Context, r slog.Record) error {
	const limit = 300
	if !strings.HasPrefix(r.Message, "http: panic serving ") {
		if h.repeats.again(r.Message, r.Time) {
			return nil
		}
		r.Message = redact.Text(r.Message, limit)
	}
	return h.Handler.Handle(ctx, r)
}

func loggerFor(w io.Writer, format string, isJournal bool) (*slog.Logger, error) {
	var handler func(io.Writer, *slog.HandlerOptions) slog.Handler
	switch format {
	case logText:
		handler = func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) }
	case logJSON:
		handler = func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) }
	default:
		return nil, usageError{fmt.Errorf("--log-format is %q: write %s or %s", format, logText, logJSON)}
	}
	if !isJournal {
		return slog.New(handler(w, nil)), nil
	}
	options := &slog.HandlerOptions{ReplaceAttr: withoutTimeAndLevel}
	var all journalHandler
	for priority := range all {
		all[priority] = handler(&priorityWriter{to: w, prefix: fmt.Sprintf("<%d>", journal.PriErr+journal.Priority(priority))}, options)
	}
	return slog.New(&all), nil
}

func withoutTimeAndLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// journalHandler has one handler for each priority of syslog from error to debug.
type journalHandler [journal.PriDebug - journal.PriErr + 1]slog.Handler

// Enabled reports whether a record is handled.
func (h *journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h[0].Enabled(ctx, level)
}

// Handle writes a record with its priority.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h[priorityOf(r.Level)-journal.PriErr].Handle(ctx, r)
}

// WithAttrs returns a handler whose records have more attributes.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

// WithGroup returns a handler whose attributes are in a group.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h *journalHandler) each(change func(slog.Handler) slog.Handler) slog.Handler {
	var changed journalHandler
	for i, one := range h {
		changed[i] = change(one)
	}
	return &changed
}

func priorityOf(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

// priorityWriter writes the priority and the line in one write.
type priorityWriter struct {
	to     io.Writer
	prefix string
}

// Write writes one line.
func (w *priorityWriter) Write(line []byte) (int, error) {
	_, err := w.to.Write(append([]byte(w.prefix), line...))
	return len(line), err
}
