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

// connectionState says whether Socket Mode is connected. It logs a failure and its end once each, not at every attempt.
type connectionState struct {
	mu        sync.Mutex
	connected bool
	fault     error
	logged    bool        // a failure was logged, but not its end
	steady    *time.Timer // fires when the connection has lasted steadyAfter
}

// CommandState returns whether buttons and commands work now, and why not.
func (n *Notifier) CommandState() outbox.CommandState {
	n.connection.mu.Lock()
	defer n.connection.mu.Unlock()
	state := outbox.CommandState{Wanted: !n.settings.AppToken.IsZero(), Connected: n.connection.connected}
	if n.connection.fault != nil {
		state.Fault = n.connection.fault.Error()
	}
	return state
}

// opened records that Slack greeted a connection.
func (c *connectionState) opened(ctx context.Context, logger *slog.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected, c.fault = true, nil
	if !c.logged {
		return
	}
	c.stopLocked()
	c.steady = time.AfterFunc(steadyAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.connected && c.logged {
			c.logged = false
			logger.InfoContext(ctx, "buttons and /squarewatch work again")
		}
	})
}

// closed records that no connection is open. fault is the reason; nil when Slack asked for another connection.
func (c *connectionState) closed(ctx context.Context, logger *slog.Logger, fault *outbox.DeliveryError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopLocked()
	c.connected = false
	if fault == nil {
		return
	}
	c.fault = fault
	if c.logged {
		return
	}
	c.logged = true
	level, fix := slog.LevelWarn, "nothing yet; if it lasts, see the error"
	if fault.Permanent {
		level, fix = slog.LevelError, fault.Fix
	}
	logger.Log(ctx, level, "buttons and /squarewatch do not work; messages are still sent, and squarewatch keeps trying to connect",
		"error", fault.Err, "fix", fix)
}

// end records that the notifier has stopped listening.
func (c *connectionState) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopLocked()
	c.connected, c.fault, c.logged = false, nil, false
}

func (c *connectionState) stopLocked() {
	if c.steady != nil {
		c.steady.Stop()
	}
}
