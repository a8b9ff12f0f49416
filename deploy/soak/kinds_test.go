//go:build soak

package soak_test

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// kind is a kind of fault. begin breaks something, and returns what mends it; nil where nothing is to be mended.
type kind struct {
	weight int
	begin  func(s *stage, f fault) (end func(), err error)
}

// failing is an answer of the API with a reason.
func failing(status int) aisquaretest.Fault {
	return aisquaretest.Fault{Status: status, Body: `{"detail": "the database is away"}`}
}

// failingPartly is the same for some of the requests.
func failingPartly() aisquaretest.Fault {
	f := failing(http.StatusInternalServerError)
	f.Rate = 0.4
	return f
}

// kinds are all kinds by name. To add one, add a line here.
func kinds() map[string]kind {
	return map[string]kind{
		"target: an endpoint fails":        {4, endpoint(failing(http.StatusInternalServerError))},
		"target: an endpoint fails partly": {2, endpoint(failingPartly())},
		"target: an endpoint refuses":      {2, endpoint(failing(http.StatusUnauthorized))},
		"target: a page of a gateway":      {1, endpoint(aisquaretest.Fault{Status: http.StatusBadGateway, Body: "<html>"})},
		"target: an endpoint is slow":      {2, endpoint(aisquaretest.Fault{Delay: 700 * time.Millisecond})},
		"target: an endpoint hangs":        {1, endpoint(aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})},
		"target: half an answer":           {1, endpoint(aisquaretest.Fault{Break: aisquaretest.BreakBody})},
		"target: a reset":                  {1, endpoint(aisquaretest.Fault{Break: aisquaretest.BreakReset})},
		"target: garbage":                  {1, endpoint(aisquaretest.Fault{Break: aisquaretest.BreakGarbage})},
		"target: everything fails":         {1, everything(failing(http.StatusServiceUnavailable))},
		"Slack: too many requests":         {2, slackFault(slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: "1"})},
		"Slack: fails":                     {2, slackFault(slackstub.Fault{Status: http.StatusInternalServerError})},
		"Slack: slow":                      {1, slackFault(slackstub.Fault{Delay: time.Second})},
		"Slack: cuts connections":          {1, slackFault(slackstub.Fault{CutBefore: true})},
		"collector: fails":                 {2, collectorFault(http.StatusServiceUnavailable)},
		"collector: limits":                {1, collectorFault(http.StatusTooManyRequests)},
		"disk: locked":                     {2, lockDatabase},
		"signal: reload":                   {2, func(s *stage, _ fault) (func(), error) { return nil, s.signal(syscall.SIGHUP) }},
		"signal: stands still":             {1, standStill},
		"file: another probe":              {2, anotherProbe},
		"file: refused":                    {1, refusedFile},
		"process: killed":                  {1, func(s *stage, _ fault) (func(), error) { return nil, s.restart(syscall.SIGKILL) }},
		"process: stopped":                 {1, func(s *stage, _ fault) (func(), error) { return nil, s.restart(syscall.SIGTERM) }},
		"neighbour: takes a processor":     {1, busyNeighbour},
		"people: a silence":                {2, silence},
	}
}

// endpoint breaks one endpoint of the target.
func endpoint(what aisquaretest.Fault) func(*stage, fault) (func(), error) {
	return func(s *stage, f fault) (func(), error) {
		path := paths()[f.Pick%uint64(len(paths()))]
		return s.breakPath(path, what), nil
	}
}

// everything breaks all endpoints.
func everything(what aisquaretest.Fault) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) {
		var ends []func()
		for _, path := range paths() {
			ends = append(ends, s.breakPath(path, what))
		}
		return func() {
			for _, end := range ends {
				end()
			}
		}, nil
	}
}

func slackFault(what slackstub.Fault) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) {
		s.slack.Always(what)
		return func() { s.slack.Always(slackstub.Fault{}) }, nil
	}
}

func collectorFault(status int) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) {
		s.collector.answer.Store(int64(status))
		return func() { s.collector.answer.Store(http.StatusOK) }, nil
	}
}

// lockDatabase holds the write lock of the database, as a person with the sqlite3 shell may.
func lockDatabase(s *stage, f fault) (func(), error) {
	db, err := sql.Open("sqlite", filepath.Join(s.state, "squarewatch.db")+"?_pragma=busy_timeout(1000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, f.Lasts)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil { // another lock is held
		cancel()
		return nil, db.Close()
	}
	return func() {
		_ = tx.Rollback()
		cancel()
		_ = db.Close()
	}, nil
}

// standStill stops the process for a while, as a suspended machine does.
func standStill(s *stage, f fault) (func(), error) {
	s.note(&s.stood, f)
	return func() { _ = s.signal(syscall.SIGCONT) }, s.signal(syscall.SIGSTOP)
}

// anotherProbe reloads a file with one probe more, and later without it.
func anotherProbe(s *stage, _ fault) (func(), error) {
	change := func(extra int) error {
		s.mu.Lock()
		s.extra += extra
		s.mu.Unlock()
		if err := s.writeFile(); err != nil {
			return err
		}
		return s.signal(syscall.SIGHUP)
	}
	return func() { _ = change(-1) }, change(1)
}

// refusedFile reloads a file that must be refused.
func refusedFile(s *stage, _ fault) (func(), error) {
	if err := os.WriteFile(s.file, []byte("target: nothing\nprobes: 7\n"), 0o600); err != nil {
		return nil, err
	}
	return func() { _ = s.writeFile() }, s.signal(syscall.SIGHUP)
}

// busyNeighbour keeps one processor busy.
func busyNeighbour(s *stage, f fault) (func(), error) {
	s.note(&s.busy, f)
	var stopped atomic.Bool
	go func() {
		for !stopped.Load() {
		}
	}()
	return func() { stopped.Store(true) }, nil
}

// silence mutes the messages about one endpoint.
func silence(s *stage, f fault) (func(), error) {
	name := nameOf(paths()[f.Pick%uint64(len(paths()))])
	began := time.Now()
	if err := s.command("silence", "add", "--probe", name, "--for", f.Lasts.Round(time.Second).String(), "--comment", "soak"); err != nil {
		return nil, nil //nolint:nilnil // the daemon is down or stands still: there is no silence
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silences = append(s.silences, silenced{name, time.Now(), began.Add(f.Lasts.Round(time.Second))})
	return nil, nil //nolint:nilnil // it ends by itself
}
