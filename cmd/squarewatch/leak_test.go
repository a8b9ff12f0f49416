package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// register is a sink that records the outcome of every intended run.
type register struct {
	mu     sync.Mutex
	fates  map[string][]string // by probe and intended time
	counts map[string]int      // by probe
}

func (g *register) Finished(r *probe.Result) { g.record(r.Probe, r.Intended, r.Class.String(), 1) }

func (g *register) Missed(m probe.Miss) {
	g.record(m.Probe, m.Intended, "missed: "+string(m.Reason), m.Count)
}

func (g *register) record(name string, intended time.Time, fate string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := fmt.Sprint(name, " at ", intended)
	g.fates[key] = append(g.fates[key], fate)
	g.counts[name] += n
}

// fate returns the number of runs with an outcome: a class, or "missed: " and the reason.
func (g *register) fate(want string) (n int) {
	for _, fates := range g.fates {
		for _, fate := range fates {
			if fate == want {
				n++
			}
		}
	}
	return n
}

// counted is a connection that is counted while it is open.
type counted struct {
	net.Conn

	once sync.Once
	open *atomic.Int64
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestNothingIsLeftBehind reloads many times while runs hang, and then stops. It checks that every intended run has exactly one outcome
// and that no connection stays open. The bubble checks that no goroutine is left.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, connection := range []probe.Connection{probe.Fresh, probe.Reuse} {
		t.Run(string(connection), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { leaveNothing(t, connection) })
		})
	}
}

func leaveNothing(t *testing.T, connection probe.Connection) {
	t.Helper()
	const schedule = `schedule: "@every 10s"`
	// A run that hangs ends a second before the next is due, because the order of two simultaneous events is not defined.
	file := strings.Replace(sceneFile, schedule, schedule+", timeout: 9s, connection: "+string(connection), 1)
	runs := &register{fates: map[string][]string{}, counts: map[string]int{}}
	var open, dialled atomic.Int64
	begin := time.Now()
	s := newSceneWith(t, file, func(o *Options) {
		dial := o.Dial
		o.Sinks = []probe.Sink{runs}
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			open.Add(1)
			dialled.Add(1)
			return &counted{Conn: conn, open: &open}, nil
		}
	})
	defer s.stop()
	probes := s.daemon.current.config.Probes
	s.after(35 * time.Second)
	s.api.SetFault(feed, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
	s.api.SetFault("/api/v1/collections/", aisquaretest.Fault{Hang: aisquaretest.HangDuringBody})
	for i := range 12 {
		s.after(3700 * time.Millisecond)
		switch i % 4 {
		case 1:
			s.reload("target: nonsense")
		case 2: // two in a row
			s.reload(file)
			s.reload(file + fmt.Sprintf("limits: {concurrency: %d}\n", 100+i))
		default:
			s.reload(file + fmt.Sprintf("limits: {concurrency: %d}\n", 100+i))
		}
	}
	if n := strings.Count(s.log.String(), "configuration reloaded"); n != 12 {
		t.Errorf("want 12 good reloads, got %d", n)
	}
	s.after(time.Second)
	s.halt()
	end := time.Now() // runs that are due while the stop waits for others are missed, and counted
	synctest.Wait()
	if n := open.Load(); n != 0 {
		t.Errorf("%d of %d connections are left open", n, dialled.Load())
	}
	for key, fates := range runs.fates {
		if len(fates) != 1 {
			t.Errorf("%s: want one outcome, got %v", key, fates)
		}
	}
	for _, p := range probes {
		if want := p.Schedule.Between(begin, end); runs.counts[p.Name] != want {
			t.Errorf("%s: want each of %d intended runs finished or missed once, got %d", p.Name, want, runs.counts[p.Name])
		}
	}
	if runs.fate("timeout") == 0 || runs.fate("missed: shutdown") == 0 || runs.fate("success") == 0 {
		t.Errorf("want runs that succeed, time out and are stopped, got %v", runs.fates)
	}
	if connection == probe.Reuse && dialled.Load() > int64(len(runs.fates)*2/3) {
		t.Errorf("want connections reused, got %d for %d runs", dialled.Load(), len(runs.fates))
	}
}
