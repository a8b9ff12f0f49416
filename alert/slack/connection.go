package slack

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"squarewatch/alert/outbox"
)

// steadyAfter is how long a connection must last before an earlier failure counts as over. A shorter one may break again at once.
const steadyAfter = time.Minute

// connectionState is whether Socket Mode is connected. A failure and its end are logged once each, not at every attempt.
type connectionState struct {
	mu        sync.Mutex
	connected bool
	fault     error
	logged    bool        // a failure was logged, and its end was not
	steady    *time.Timer // fires when the connection has lasted steadyAfter
}

// Hearing returns whether buttons and commands work now, and why not.
func (n *Notifier) Hearing() outbox.Hearing {
	n.connection.mu.Lock()
	defer n.connection.mu.Unlock()
	state := outbox.Hearing{Wanted: !n.settings.AppToken.IsZero(), Connected: n.connection.connected}
	if n.connection.fault != nil {
		state.Fault = n.connection.fault.Error()
	}
	return state
}

// opened records that Slack greeted a connection.
func (h *connectionState) opened(ctx context.Context, logger *slog.Logger) {
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

// closed records that no connection is open. fault is the reason; nil when Slack asked for another connection.
func (h *connectionState) closed(ctx context.Context, logger *slog.Logger, fault *outbox.DeliveryError) {
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
	level, fix := slog.LevelWarn, "none while it does not last; then see the error"
	if fault.Permanent {
		level, fix = slog.LevelError, fault.Fix
	}
	logger.Log(ctx, level, "buttons and /squarewatch do not work; messages are still sent, and squarewatch keeps trying to connect",
		"error", fault.Err, "fix", fix)
}

// end records that the notifier has stopped listening.
func (h *connectionState) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopLocked()
	h.connected, h.fault, h.logged = false, nil, false
}

func (h *connectionState) stopLocked() {
	if h.steady != nil {
		h.steady.Stop()
	}
}
