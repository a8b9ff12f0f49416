package main

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// slowSlack is a notifier that needs ten seconds for an answer, and is down until it is repaired.
type slowSlack struct {
	mu       sync.Mutex
	mended   bool
	attempts int
	messages []slack.Message
}

func (s *slowSlack) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if !s.mended {
		return "", &outbox.DeliveryError{Reason: "network", Err: errors.New("post to Slack: no route to host")}
	}
	s.messages = append(s.messages, slack.Render(n, slack.Options{}))
	return "", nil
}

// punctual is a sink that records how late runs start.
type punctual struct {
	mu     sync.Mutex
	runs   int
	latest time.Duration
}

func (p *punctual) Finished(r *probe.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs++
	p.latest = max(p.latest, r.Lateness())
}

func (p *punctual) Missed(probe.Miss) {}

// heapInUse returns the number of heap bytes in use.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestADayWithoutSlack(t *testing.T) {
	file := strings.NewReplacer("@every 10s", "@every 1m", "window: 1m", "window: 5m", "permission-unknown, auth-wall, collections, ",
		"").Replace(keptFile(t))
	synctest.Test(t, func(t *testing.T) {
		down, clock := &slowSlack{}, &punctual{}
		s := newSceneWith(t, file, func(o *Options) {
			o.Load = loadWith(file, down)
			o.Sinks = append(o.Sinks, clock)
		})
		const outages = 24 * 2
		var early, late uint64   // heap bytes in use
		for i := range outages { // a quarter of an hour of errors, and one without
			s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
			s.after(15 * time.Minute)
			s.api.ClearFaults()
			s.after(15 * time.Minute)
			switch i {
			case 3:
				early = heapInUse()
			case outages - 1:
				late = heapInUse()
			}
		}
		const bound = 16 << 20 // bytes: two hours against a whole day
		if late > early+bound {
			t.Errorf("want memory bounded, got %d bytes after two hours and %d after a day", early, late)
		}
		synctest.Wait()
		clock.mu.Lock()
		runs, latest := clock.runs, clock.latest
		clock.mu.Unlock()
		pending, _, trouble := s.daemon.outbox.Pending("ops")
		if pending == 0 || pending > outages || !strings.Contains(trouble, "no route to host") {
			t.Errorf("want the waiting messages folded to one for each incident, got %d with %q", pending, trouble)
		}
		if latest != 0 || runs < 2*24*60-100 {
			t.Errorf("want no run late because of Slack, got %v in %d runs", latest, runs)
		}
		down.mu.Lock()
		attempts := down.attempts
		down.mended = true
		down.mu.Unlock()
		if attempts > 24*60 {
			t.Errorf("want few attempts while Slack is down, got %d attempts", attempts)
		}
		s.after(20 * time.Minute)
		left, _, _ := s.daemon.outbox.Pending("ops")
		s.stop()
		down.mu.Lock()
		defer down.mu.Unlock()
		if len(down.messages) == 0 || len(down.messages) > 2 {
			t.Fatalf("want a day reported in one or two messages, got %d", len(down.messages))
		}
		first := down.messages[0].Plain()
		for _, part := range []string{
			"RESOLVED server-errors feed and ", "Also resolved:* server-errors feed 47 times",
			"late: Slack could not be reached",
		} {
			if !strings.Contains(first, part) {
				t.Errorf("want %q in\n%s", part, first)
			}
		}
		if left != 0 {
			t.Errorf("want nothing left, got %d", left)
		}
		t.Logf("%d runs, the latest %v late; %d changes of %d outages waited, %d attempts in a day, then %d messages; %d kB were in use after "+
			"two hours, %d after the day:\n%s",
			runs, latest, pending, outages, attempts, len(down.messages), early>>10, late>>10, first)
	})
}
