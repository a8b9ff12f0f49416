//go:build soak

package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"squarewatch/alert"
)

// report is what came of a soak.
type report struct {
	broken  []string // promises that were not kept: "promise: what was seen"
	figures []string
}

// mostLines is how many lines a report has at most of one promise.
const mostLines = 8

func (r *report) fails(promise, format string, arguments ...any) {
	n := 0
	for _, line := range r.broken {
		if promiseOf(line) == promise {
			n++
		}
	}
	if n < mostLines {
		r.broken = append(r.broken, promise+": "+fmt.Sprintf(format, arguments...))
	}
}

// patience is how long after the last fault everything must be over and delivered. The daemon may wait a minute before it asks a login
// service or a Slack again that failed for long.
const patience = 150 * time.Second

// settle waits until nothing fires or waits, and then a little longer, so that what should not come can come.
func (r *report) settle(s *stage) {
	begun := time.Now()
	var left []string
	for time.Since(begun) < patience && s.wait(time.Second) {
		if left = s.unsettled(); len(left) == 0 {
			break
		}
	}
	r.broken = append(r.broken, left...)
	r.add("all over and delivered %v after the last fault", time.Since(begun).Round(time.Second))
	s.wait(3 * time.Second)
}

// unsettled asks the daemon what fires, waits or is wrong.
func (s *stage) unsettled() []string {
	var r report
	page, err := s.daemon.get("/api/v1/status")
	if err != nil {
		r.fails("the daemon answers at the end", "%v", err)
		return r.broken
	}
	var status struct {
		Alerts    []struct{ Rule, Series, State string }
		Notifiers []struct {
			Notifier  string
			Pending   int
			LastError string `json:"last_error"`
		}
		Silences      []alert.Silence
		Troubles      []string
		StateFault    string `json:"state_fault"`
		Configuration struct{ Differs string }
	}
	if err := json.Unmarshal([]byte(page), &status); err != nil {
		r.fails("the status is JSON", "%v", err)
		return r.broken
	}
	for _, a := range status.Alerts {
		if strings.HasPrefix(a.Rule, ruleName) && a.State != "inactive" { // the built-in rules hold a flapping incident open for ten minutes
			r.fails("everything resolves", "%s %s is %s", a.Rule, a.Series, a.State)
		}
	}
	for _, n := range status.Notifiers {
		if n.Pending > 0 {
			r.fails("everything is delivered", "%d messages wait for %s: %s", n.Pending, n.Notifier, n.LastError)
		}
	}
	for _, quiet := range status.Silences { // its end announces what ended in it
		r.fails("silences end", "%s lasts until %s", quiet.ID, stamp(quiet.Until))
	}
	if len(status.Troubles) > 0 || status.StateFault != "" || status.Configuration.Differs != "" {
		r.fails("no trouble stays", "%v, %q, %q", status.Troubles, status.StateFault, status.Configuration.Differs)
	}
	if now := s.daemon.read(); now.spool != 0 {
		r.fails("everything is delivered", "%.0f bytes of spans wait for the collector", now.spool)
	}
	return r.broken
}

// check compares what the daemon kept with what the others saw, after its end.
func (r *report) check(ctx context.Context, s *stage, used *use) {
	k, err := readKept(ctx, s.disk.path)
	if err != nil {
		r.fails("the database can be read", "%v", err)
		return
	}
	r.checkRuns(s, &k)
	runs := 0
	for _, of := range k.runs {
		runs += len(of)
	}
	r.checkUse(used, runs)
	r.checkRule(&s.journal, &k)
	r.checkNoData(&s.journal, &k)
	r.checkIncidents(s, &k)
	if refused := s.slack.Refused(); len(refused) > 0 {
		r.fails("Slack takes every message", "%d refused, the first: %s", len(refused), refused[0])
	}
	if refused := s.collector.refused; len(refused) > 0 {
		r.fails("the collector takes every request", "%d refused, the first: %s", len(refused), refused[0])
	}
	r.add("%d restarts (%d kills), %d silences", len(s.journal.restarts), len(s.journal.kills), len(s.journal.silences))
}
