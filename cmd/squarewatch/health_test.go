package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
)

// manager is a service manager that keeps what it received.
type manager struct {
	mu       sync.Mutex
	received []string
}

func (m *manager) notify(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received = append(m.received, state)
}

// take returns what was received since the last call.
func (m *manager) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	received := m.received
	m.received = nil
	return received
}

func count(all []string, part string) int {
	n := 0
	for _, s := range all {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

func TestTheStatusLineShowsIncidentsAndTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		s := newSceneWith(t, sceneFile, func(o *Options) { o.Notify = m.notify })
		defer s.stop()
		s.after(20 * time.Second)
		at := clock(time.Now().Add(-20 * time.Second))
		if got, want := m.take(), "READY=1\nSTATUS=5 probes, 0 firing, 0 waiting; configuration of "+at; !slices.Contains(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(6 * time.Minute)
		want := "STATUS=5 probes, 1 firing (server-errors feed, 5 min), 0 waiting; configuration of " + at
		if got := m.take(); count(got, want) != 1 {
			t.Errorf("want %q once, got %q", want, got)
		}
		s.reload("target: nonsense\n")
		want = `; the file differs: the last reload was refused: scene.yaml:1:9: target: is "nonsense"`
		if got := strings.Join(m.take(), "\n"); !strings.Contains(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
		_, metrics := s.get("/metrics")
		_, page := s.get("/api/v1/status")
		if !strings.Contains(metrics, "\nsquarewatch_config_current 0\n") || !strings.Contains(page, `"differs":"the last reload was refused: `) {
			t.Errorf("want the refusal in metrics and status, got %s", page)
		}
		s.reload(sceneFile)
		if _, metrics := s.get("/metrics"); !strings.Contains(metrics, "\nsquarewatch_config_current 1\n") {
			t.Error("want the gauge at 1 after a good reload")
		}
	})
}

func TestAFileThatWasChangedAndNotReloadedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sum := sha256.Sum256([]byte(sceneFile))
		s := newSceneWith(t, sceneFile, func(o *Options) {
			load := o.Load
			o.Load = func() (*config.Config, error) {
				cfg, err := load()
				if err == nil {
					cfg.Sum = sha256.Sum256([]byte(sceneFile))
				}
				return cfg, err
			}
			o.Sum = func() ([sha256.Size]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				return sum, nil
			}
		})
		defer s.stop()
		differs := func() string {
			s.after(15 * time.Second)
			_, why := s.daemon.drift.state()
			return why
		}
		if why := differs(); why != "" {
			t.Errorf("want no difference, got %q", why)
		}
		mu.Lock()
		sum[0]++
		mu.Unlock()
		if why := differs(); why != "it was changed and not reloaded" {
			t.Errorf("want the change reported, got %q", why)
		}
	})
}

// hanging is a notifier that ignores its context. Its delivery ends when free is closed.
type hanging struct{ free chan struct{} }

func (n hanging) Deliver(context.Context, outbox.Notification) (string, error) {
	<-n.free
	return "", nil
}

// TestAPartThatIsStuckStopsTheWatchdog has a notifier that does not return while probes go on.
func TestAPartThatIsStuckStopsTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, stuck := &manager{}, hanging{free: make(chan struct{})}
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, stuck)
			o.Notify, o.Watchdog = m.notify, time.Minute
		})
		defer s.stop()
		defer close(stuck.free)
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(2 * time.Minute)
		if got := m.take(); count(got, "WATCHDOG=1") < 5 {
			t.Errorf("want the watchdog fed, got %q", got)
		}
		s.after(5 * time.Minute)
		m.take()
		s.after(2 * time.Minute)
		if got := m.take(); count(got, "WATCHDOG=1") != 0 {
			t.Errorf("want the watchdog no longer fed, got %q", got)
		}
		status, page := s.get("/-/healthy")
		if status != http.StatusServiceUnavailable || !strings.Contains(page, "delivery: ops: messages have waited") {
			t.Errorf("want 503 with the reason, got %d %s", status, page)
		}
		_, metrics := s.get("/metrics")
		if !strings.Contains(metrics, `squarewatch_healthy{part="delivery"} 0`) ||
			!strings.Contains(metrics, `squarewatch_healthy{part="probing"} 1`) {
			t.Error("want the gauge of delivery at 0 and of probing at 1")
		}
		if n := strings.Count(s.log.String(), "a part of squarewatch is stuck"); n != 1 {
			t.Errorf("want one line in the log, got %d", n)
		}
	})
}

// TestACheckThatHangsIsATrouble has a check that waits for a lock until the test releases it.
func TestACheckThatHangsIsATrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		h := newHealth(map[string]func(time.Time) *trouble{
			partEvaluation: func(time.Time) *trouble { <-free; return nil },
			partProbing:    func(time.Time) *trouble { return nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go h.run(ctx)
		<-time.After(20 * time.Second)
		if all := h.troublesAt(time.Now()); len(all) != 0 {
			t.Errorf("want time to answer, got %v", all)
		}
		<-time.After(time.Minute)
		if all := h.troublesAt(time.Now()); !isStuck(all) || inWords(all) != "evaluation: has not answered for 1m20s" {
			t.Errorf("want the part named, got %q", inWords(all))
		}
		close(free)
		<-time.After(10 * time.Second)
		if all := h.troublesAt(time.Now()); len(all) != 0 {
			t.Errorf("want no trouble, got %v", all)
		}
	})
}

// TestPartsThatStandStillAreTroubles stops every part of a daemon, as if each were stuck, and asks its checks again.
func TestPartsThatStandStillAreTroubles(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, file, func(*Options) {})
		s.after(time.Minute)
		checks := s.daemon.healthChecks()
		for part, check := range checks {
			if found := check(time.Now()); found != nil {
				t.Errorf("%s: want no trouble while it works, got %s", part, found.reason)
			}
		}
		s.stop()
		<-time.After(5 * time.Minute)
		for part, want := range map[string]string{
			partProbing: "no run finished since ", partEvaluation: "a change has waited ", partStorage: "history was last written at ",
		} {
			found := checks[part](time.Now())
			if found == nil || !strings.HasPrefix(found.reason, want) || found.stuck != (part != partStorage) {
				t.Errorf("%s: want %q, got %+v", part, want, found)
			}
		}
	})
}

// TestAHangingDiskStopsTheWatchdogOnlyWithProbing checks that parts which wait for a disk count as stuck only when probing waits too.
func TestAHangingDiskStopsTheWatchdogOnlyWithProbing(t *testing.T) {
	probing, delivery := trouble{part: partProbing, stuck: true}, trouble{part: partDelivery, stuck: true}
	disk := trouble{part: partStorage, stuck: true}
	for _, c := range []struct {
		troubles []trouble
		want     bool
	}{
		{nil, false},
		{[]trouble{delivery}, true},
		{[]trouble{disk}, false},
		{[]trouble{delivery, disk}, false},
		{[]trouble{probing, delivery, disk}, true},
		{[]trouble{{part: partDelivery, reason: "ops: 503"}}, false},
	} {
		if got := isStuck(c.troubles); got != c.want {
			t.Errorf("%v: want %v, got %v", c.troubles, c.want, got)
		}
	}
}

// TestAFailingNotifierDoesNotStopTheWatchdog has a failure whose reason is outside of the process, so that a restart does not help.
func TestAFailingNotifierDoesNotStopTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, down := &manager{}, &slowSlack{}
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, down)
			o.Notify, o.Watchdog = m.notify, time.Minute
		})
		defer s.stop()
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(20 * time.Minute)
		m.take()
		s.after(2 * time.Minute)
		if got := m.take(); count(got, "WATCHDOG=1") < 5 || count(got, "delivery: ops: messages have waited") == 0 {
			t.Errorf("want the watchdog fed and the reason in the status, got %q", got)
		}
	})
}

// descend calls itself the given number of steps, from one of two lines by the bits of path. Each path then has its own stack. The last
// call reports to arrived and waits for end.
func descend(path, steps int, arrived *sync.WaitGroup, end <-chan struct{}) {
	switch {
	case steps == 0:
		arrived.Done()
		<-end
	case path&1 == 0:
		descend(path>>1, steps-1, arrived, end)
	default:
		descend(path>>1, steps-1, arrived, end)
	}
}

func TestTheDumpOfGoroutinesIsBounded(t *testing.T) {
	const steps, lineMax = 10, 48 << 10 // LineMax of the journal
	var wait, arrived sync.WaitGroup
	stop := make(chan struct{})
	for path := range 1 << steps { // equal stacks would be written once
		arrived.Add(1)
		wait.Go(func() { descend(path, steps, &arrived, stop) })
	}
	arrived.Wait()
	if size := len(goroutines()); size < lineMax/2 || size > lineMax {
		t.Errorf("want at most %d bytes, got %d", lineMax, size)
	}
	close(stop)
	wait.Wait()
}
