package slack

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"squarewatch/alert/outbox"
)

// steadyAfter is how long a connection must last before the one before it counts as mended. A shorter one may break again at once.
const steadyAfter = time.Minute

// hearing is whether people are heard. A failure and its end are logged once each, however often the connection is tried.
type hearing struct {
	mu        sync.Mutex
	connected bool
	fault     error
	logged    bool        // a failure was logged, and its end was not
	steady    *time.Timer // runs out when the connection has lasted
}

// Hearing returns whether buttons and commands are heard now, and why not.
func (n *Notifier) Hearing() outbox.Hearing {
	n.hearing.mu.Lock()
	defer n.hearing.mu.Unlock()
	state := outbox.Hearing{Wanted: !n.settings.AppToken.IsZero(), Connected: n.hearing.connected}
	if n.hearing.fault != nil {
		state.Fault = n.hearing.fault.Error()
	}
	return state
}

// opened notes that Slack greeted a connection.
func (h *hearing) opened(ctx context.Context, logger *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connected, h.fault = true, nil
	if !h.logged {
		return
	}
	h.stopLocked()
	h.steady = time.AfterFunc(steadyAfter, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.connected && h.logged {
			h.logged = false
			logger.InfoContext(ctx, "buttons and /squarewatch work again")
		}
	})
}

// closed notes that no connection is open; fault says why, nil when Slack asked for another one.
func (h *hearing) closed(ctx context.Context, logger *slog.Logger, fault *outbox.DeliveryError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopLocked()
	h.connected = false
	if fault == nil {
		return
	}
	h.fault = fault
	if h.logged {
		return
	}
	h.logged = true
	level, fix := slog.LevelWarn, "none needed unless it lasts"
	if fault.Permanent {
		level, fix = slog.LevelError, fault.Fix
	}
	logger.Log(ctx, level, "buttons and /squarewatch do not work; messages are sent, and connecting is tried again", "error", fault.Err, "fix", fix)
}

// end notes that nobody listens any more, by our own decision.
func (h *hearing) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopLocked()
	h.connected, h.fault, h.logged = false, nil, false
}

// stopLocked stops the timer. The caller holds mu.
func (h *hearing) stopLocked() {
	if h.steady != nil {
		h.steady.Stop()
	}
}
