//go:build soak

package soak_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// reading is what the daemon uses at a time.
type reading struct {
	memory, descriptors, goroutines, spool, database, wal float64

	stacks string // of the goroutines
}

// read returns what the daemon uses; zeros when it does not answer.
func (d *daemon) read() (r reading) {
	page, err := d.get("/metrics")
	if err != nil {
		return r
	}
	value := func(name string) float64 {
		for line := range strings.Lines(page) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				n, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				return n
			}
		}
		return 0
	}
	size := func(name string) float64 {
		info, err := os.Stat(filepath.Join(d.around.state, name))
		if err != nil {
			return 0
		}
		return float64(info.Size())
	}
	r = reading{
		memory: value("process_resident_memory_bytes"), descriptors: value("process_open_fds"), spool: value("squarewatch_spool_bytes"),
		database: size("squarewatch.db"), wal: size("squarewatch.db-wal"),
	}
	// The metric of the goroutines is read every 15 s only.
	if r.stacks, err = d.page(d.pprof, "/debug/pprof/goroutine?debug=1"); err == nil {
		_, _ = fmt.Sscanf(r.stacks, "goroutine profile: total %f", &r.goroutines)
	}
	return r
}

// use is what the daemon used over time.
type use struct {
	mu   sync.Mutex
	warm reading // after the warm-up
	most reading // the largest of each afterwards
	last reading
}

// watch reads what the daemon uses every two seconds until stop is called.
func (s *stage) watch() (u *use, stop func()) {
	u = &use{}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.wait(warmUp)
		ticks := time.NewTicker(2 * time.Second)
		defer ticks.Stop()
		for {
			u.note(s.daemon.read())
			select {
			case <-ended:
				return
			case <-ticks.C:
			}
		}
	}()
	return u, func() {
		close(ended)
		<-done
		u.note(s.daemon.read())
	}
}

func (u *use) note(r reading) {
	if r.memory == 0 { // the daemon was not there
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.warm.memory == 0 {
		u.warm = r
	}
	m := &u.most
	if r.goroutines > m.goroutines {
		m.goroutines, m.stacks = r.goroutines, r.stacks
	}
	m.memory, m.descriptors = max(m.memory, r.memory), max(m.descriptors, r.descriptors)
	m.spool, m.database, m.wal = max(m.spool, r.spool), max(m.database, r.database), max(m.wal, r.wal)
	u.last = r
}

// atOnce is how many more goroutines there may be for a while: when names do not resolve, ten probes look for the reason for up to seven
// seconds after each run, with several goroutines each.
const atOnce = 400

// perRun is how many bytes of the database a run may take: unexpected runs have their attempts and phases.
const perRun = 2500

// checkUse checks that the daemon uses at the end what it used after the warm-up, and not much more meanwhile.
func (r *report) checkUse(u *use, runs int) {
	for _, c := range []struct {
		name         string
		is, was, may float64
	}{
		{"memory at the end", u.last.memory, u.warm.memory, 1.5*u.warm.memory + 40e6},
		{"memory at most", u.most.memory, u.warm.memory, 1.5*u.warm.memory + 80e6},
		{"descriptors at the end", u.last.descriptors, u.warm.descriptors, u.warm.descriptors + 20},
		{"descriptors at most", u.most.descriptors, u.warm.descriptors, u.warm.descriptors + 60},
		{"goroutines at the end", u.last.goroutines, u.warm.goroutines, u.warm.goroutines + 60},
		{"goroutines at most", u.most.goroutines, u.warm.goroutines, u.warm.goroutines + atOnce},
		{"the database", u.last.database, u.warm.database, u.warm.database + perRun*float64(runs)},
		{"the WAL at most", u.most.wal, u.warm.wal, 17 << 20},
	} {
		if c.is > c.may {
			r.fails("what it uses stays flat", "%s: %.0f, after the warm-up %.0f, allowed %.0f", c.name, c.is, c.was, c.may)
		}
	}
	r.add("memory %.0f -> %.0f MB (at most %.0f), descriptors %.0f -> %.0f (%.0f), goroutines %.0f -> %.0f (%.0f)", u.warm.memory/1e6,
		u.last.memory/1e6, u.most.memory/1e6, u.warm.descriptors, u.last.descriptors, u.most.descriptors, u.warm.goroutines,
		u.last.goroutines, u.most.goroutines)
	r.add("database %.1f MB, %.0f bytes a run, WAL at most %.1f MB, spool at most %.1f MB", u.last.database/1e6,
		(u.last.database-u.warm.database)/float64(max(runs, 1)), u.most.wal/1e6, u.most.spool/1e6)
}
