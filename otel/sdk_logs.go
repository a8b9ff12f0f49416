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
	throttleInterval = time.Minute // in which the same message is logged once
	throttleMemory   = 256         // how many messages are remembered
)

// throttle is a log handler that passes the same message on at most once a minute. The SDK repeats its messages at every export.
type throttle struct {
	slog.Handler
	recent *recentMessages
}

// recentMessages holds when each message was last passed on.
type recentMessages struct {
	mu   sync.Mutex
	last map[string]time.Time // by message and attributes
}

func newThrottle(next slog.Handler) throttle {
	return throttle{Handler: next, recent: &recentMessages{last: map[string]time.Time{}}}
}

// Handle passes a record on unless the same message was passed on within the last minute.
func (t throttle) Handle(ctx context.Context, r slog.Record) error {
	if !t.recent.add(&r) {
		return nil
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that shares its memory of messages with t.
func (t throttle) WithAttrs(attrs []slog.Attr) slog.Handler {
	return throttle{Handler: t.Handler.WithAttrs(attrs), recent: t.recent}
}

// WithGroup returns a handler that shares its memory of messages with t.
func (t throttle) WithGroup(name string) slog.Handler {
	return throttle{Handler: t.Handler.WithGroup(name), recent: t.recent}
}

// add reports whether a message is new, and remembers it.
func (m *recentMessages) add(r *slog.Record) (isNew bool) {
	var text strings.Builder
	text.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString(" " + a.String())
		return true
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, ok := m.last[text.String()]; ok && r.Time.Sub(last) < throttleInterval {
		return false
	}
	if len(m.last) >= throttleMemory {
		clear(m.last)
	}
	m.last[text.String()] = r.Time
	return true
}

// valueHider is a log handler that hides the values of environment variables. The SDK logs variables that it cannot parse, even those
// that squarewatch does not use, and they may hold keys and passwords. The attribute keys are those of the SDK's exporters
// (https://github.com/open-telemetry/opentelemetry-go/blob/main/internal/shared/otlp/envconfig/envconfig.go.tmpl).
type valueHider struct{ slog.Handler }

// Handle passes a record on. Handle leaves out the value of a variable, and an error that contains this value.
func (h valueHider) Handle(ctx context.Context, r slog.Record) error {
	var kept []slog.Attr
	repeats := false
	r.Attrs(func(a slog.Attr) bool {
		if slices.Contains([]string{"input", "key", "value", "url"}, a.Key) {
			repeats = true
		} else if a.Key != "err" {
			kept = append(kept, a)
		}
		return true
	})
	if !repeats {
		return h.Handler.Handle(ctx, r)
	}
	hidden := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	hidden.AddAttrs(kept...)
	hidden.AddAttrs(slog.String("fix", "check the OTEL_ variables of the environment; their values are not logged because they may be secret"))
	return h.Handler.Handle(ctx, hidden)
}

// WithAttrs returns a handler that hides the same values.
func (h valueHider) WithAttrs(attrs []slog.Attr) slog.Handler {
	return valueHider{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that hides the same values.
func (h valueHider) WithGroup(name string) slog.Handler { return valueHider{h.Handler.WithGroup(name)} }
