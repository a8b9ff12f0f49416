package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/probe/aisquaretest"
)

// slow is a notifier that takes a while and obeys its context.
type slow struct {
	takes time.Duration

	mu               sync.Mutex
	begun, completed int
}

func (n *slow) Deliver(ctx context.Context, _ outbox.Notification) (string, error) {
	n.mu.Lock()
	n.begun++
	n.mu.Unlock()
	select {
	case <-ctx.Done():
		return "", &outbox.DeliveryError{Reason: "network", Uncertain: true, Err: ctx.Err()}
	case <-time.After(n.takes):
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.completed++
	return "", nil
}

func (n *slow) counts() (begun, completed int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.begun, n.completed
}

// TestAStopWaitsForARunningDelivery stops the daemon during a delivery that takes seven seconds.
func TestAStopWaitsForARunningDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &slow{takes: 7 * time.Second}
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, n)
		})
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		for begun := 0; begun == 0; begun, _ = n.counts() {
			s.after(time.Second)
		}
		began := time.Now()
		s.stop()
		begun, completed := n.counts()
		if took := time.Since(began); begun != 1 || completed != 1 || took > 10*time.Second {
			t.Errorf("want the delivery completed within 10 s, got %d of %d after %v", completed, begun, took)
		}
	})
}
