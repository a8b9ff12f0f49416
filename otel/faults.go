package otel

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	faultInterval = time.Minute // the same message is logged once in it
	faultMemory   = 256         // how many messages are remembered
)

// throttle is a log handler that passes the same message on once a minute: the SDK repeats itself at every export.
type throttle struct {
	slog.Handler
	seen *seen
}

// seen remembers when each message was last passed on.
type seen struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func newThrottle(next slog.Handler) throttle {
	return throttle{Handler: next, seen: &seen{last: map[string]time.Time{}}}
}

// Handle passes the record on unless the same was passed on within the last minute.
func (t throttle) Handle(ctx context.Context, r slog.Record) error {
	if !t.seen.admit(&r) {
		return nil
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that throttles together with t.
func (t throttle) WithAttrs(attrs []slog.Attr) slog.Handler {
	return throttle{Handler: t.Handler.WithAttrs(attrs), seen: t.seen}
}

// WithGroup returns a handler that throttles together with t.
func (t throttle) WithGroup(name string) slog.Handler {
	return throttle{Handler: t.Handler.WithGroup(name), seen: t.seen}
}

func (s *seen) admit(r *slog.Record) bool {
	var text strings.Builder
	text.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString(" " + a.String())
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[text.String()]; ok && r.Time.Sub(last) < faultInterval {
		return false
	}
	if len(s.last) >= faultMemory {
		clear(s.last)
	}
	s.last[text.String()] = r.Time
	return true
}

// discreet is a log handler that leaves out what could not be read: the SDK repeats variables that it cannot read, also those
// that squarewatch does not use, and they may hold keys and passwords.
type discreet struct{ slog.Handler }

// Handle passes the record on, without what it repeats.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	var told []slog.Attr
	repeats := false
	r.Attrs(func(a slog.Attr) bool {
		if slices.Contains([]string{"input", "key", "value", "url"}, a.Key) {
			repeats = true
		} else if a.Key != "err" { // which repeats it again
			told = append(told, a)
		}
		return true
	})
	if !repeats {
		return d.Handler.Handle(ctx, r)
	}
	discreet := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	discreet.AddAttrs(told...)
	discreet.AddAttrs(slog.String("fix", "look at the OTEL_ variables of the environment; what is in them is not repeated here"))
	return d.Handler.Handle(ctx, discreet)
}

// WithAttrs returns a handler that is as discreet.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that is as discreet.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }
