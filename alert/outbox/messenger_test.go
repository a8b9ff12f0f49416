package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// messenger is a notifier whose answers the test decides.
type messenger struct {
	answer func(attempt int) error // nil accepts every message
	slow   time.Duration

	mu       sync.Mutex
	begin    time.Time
	attempts []time.Duration
	taken    []outbox.Notification
}

func newMessenger(answers ...error) *messenger {
	m := &messenger{begin: time.Now()}
	m.answer = func(attempt int) error {
		if attempt < len(answers) {
			return answers[attempt]
		}
		return nil
	}
	return m
}

func (m *messenger) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	m.mu.Lock()
	attempt := len(m.attempts)
	m.attempts = append(m.attempts, time.Since(m.begin))
	m.mu.Unlock()
	if m.slow > 0 {
		select {
		case <-time.After(m.slow):
		case <-ctx.Done():
			return "", &outbox.DeliveryError{Reason: "timeout", Err: ctx.Err()}
		}
	}
	err := m.answer(attempt)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.taken = append(m.taken, n)
	}
	return "", err
}

// said returns the accepted messages as text: event, incidents, and what else they report.
func (m *messenger) said() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, n := range m.taken {
		ids := []string{n.Incident.ID}
		for _, other := range n.Others {
			ids = append(ids, other.ID)
		}
		line := fmt.Sprintf("%s %s", n.Event, strings.Join(ids, "+"))
		if n.Folded > 0 {
			line = fmt.Sprintf("%s folds %d", line, n.Folded)
		}
		if n.Late > 0 {
			line = fmt.Sprintf("%s late %v", line, n.Late)
		}
		lines = append(lines, line)
	}
	return lines
}

func (m *messenger) tried() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.attempts
}

func change(event alert.Event, id string) alert.Transition {
	c := alert.Transition{At: time.Now(), Event: event, Incident: alert.Incident{ID: id, Rule: "r", Series: id, Since: time.Now()}}
	if event == alert.EventResolved {
		c.Incident.Resolved = time.Now()
	}
	return c
}

// alone returns the end of an incident whose FIRING is never announced.
func alone(id string) alert.Transition {
	c := change(alert.EventResolved, id)
	c.Alone = true
	return c
}

func failure(reason string, retryAfter time.Duration) error {
	return &outbox.DeliveryError{Reason: reason, RetryAfter: retryAfter, Err: errors.New("no")}
}

func refusal() error {
	return &outbox.DeliveryError{Reason: "refused", Permanent: true, Fix: "mend it", Err: errors.New("no")}
}

// deliverTo runs an outbox with one destination, ops.
func deliverTo(t *testing.T, m outbox.Notifier, groupWait time.Duration) *outbox.Outbox {
	t.Helper()
	o := outbox.New(outbox.Options{
		Destinations: map[string]outbox.Destination{"ops": {Notifier: m, GroupWait: groupWait}}, Rand: func() float64 { return 0 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return o
}

func seconds(list ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range list {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}
