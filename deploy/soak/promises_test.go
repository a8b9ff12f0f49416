//go:build soak

package soak_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/database"
)

// report is what came of a soak.
type report struct {
	start, end reading
	broken     []string // promises that were not kept: "promise: what was seen"
	figures    string
}

func (r *report) fails(promise, format string, arguments ...any) {
	r.broken = append(r.broken, promise+": "+fmt.Sprintf(format, arguments...))
}

// reading is what the daemon uses at a time.
type reading struct{ memory, descriptors, goroutines float64 }

// read returns what the daemon uses; zero when it does not answer.
func (s *stage) read() (r reading) {
	page, err := s.get("/metrics")
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
	return reading{value("process_resident_memory_bytes"), value("process_open_fds"), value("go_goroutine_count")}
}

// checkEnd asks the daemon after the calm: nothing fires or waits, and it uses what it used before.
func (r *report) checkEnd(s *stage) {
	page, err := s.get("/api/v1/status")
	if err != nil {
		r.fails("the daemon answers at the end", "%v", err)
		return
	}
	var status struct {
		Alerts    []struct{ Rule, Series, State string }
		Notifiers []struct {
			Notifier  string
			Pending   int
			LastError string `json:"last_error"`
		}
		Troubles      []string
		StateFault    string `json:"state_fault"`
		Configuration struct{ Differs string }
	}
	if err := json.Unmarshal([]byte(page), &status); err != nil {
		r.fails("the status is JSON", "%v", err)
		return
	}
	for _, a := range status.Alerts {
		if a.State != "inactive" {
			r.fails("everything resolves", "%s %s is %s after the calm", a.Rule, a.Series, a.State)
		}
	}
	for _, n := range status.Notifiers {
		if n.Pending > 0 {
			r.fails("everything is delivered", "%d messages wait for %s: %s", n.Pending, n.Notifier, n.LastError)
		}
	}
	if len(status.Troubles) > 0 || status.StateFault != "" || status.Configuration.Differs != "" {
		r.fails("no trouble stays", "%v, %q, %q", status.Troubles, status.StateFault, status.Configuration.Differs)
	}
	for _, u := range []struct {
		name                 string
		before, after, bound float64
	}{
		{"memory", r.start.memory, r.end.memory, r.start.memory*1.5 + 40e6},
		{"descriptors", r.start.descriptors, r.end.descriptors, r.start.descriptors + 15},
		{"goroutines", r.start.goroutines, r.end.goroutines, r.start.goroutines + 30},
	} {
		if u.after > u.bound || u.after == 0 {
			r.fails("what it uses stays flat", "%s was %.0f and is %.0f", u.name, u.before, u.after)
		}
	}
}

// check compares what the daemon kept with what the others saw, after its end.
func (r *report) check(ctx context.Context, s *stage) {
	db, err := database.OpenReadOnly(ctx, filepath.Join(s.state, "squarewatch.db"))
	if err != nil {
		r.fails("the database can be read", "%v", err)
		return
	}
	defer func() { _ = db.Close() }()
	for _, part := range []func(context.Context, *stage, *sql.DB) error{r.checkRuns, r.checkIncidents} {
		if err := part(ctx, s, db); err != nil {
			r.fails("the database can be read", "%v", err)
		}
	}
	if refused := s.slack.Refused(); len(refused) > 0 {
		r.fails("Slack takes every message", "%d refused, the first: %s", len(refused), refused[0])
	}
	for name, most := range map[string]int64{"squarewatch.db-wal": 16 << 20} {
		if info, err := os.Stat(filepath.Join(s.state, name)); err == nil && info.Size() > most {
			r.fails("files stay small", "%s has %d bytes", name, info.Size())
		}
	}
}

// keptRun is a run as the daemon kept it.
type keptRun struct {
	probe                    string
	intended, started, ended time.Time
	attempts                 int
	expected                 bool
	trace                    string
}

// micros reads a time of the database.
func micros(n int64) time.Time { return time.UnixMicro(n) }

func keptRuns(ctx context.Context, db *sql.DB) (all []keptRun, err error) {
	rows, err := db.QueryContext(ctx, `SELECT probe, intended, started, ended, attempts, expected, lower(hex(trace)) FROM runs
		ORDER BY intended`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k keptRun
		var intended, started, ended int64
		if err := rows.Scan(&k.probe, &intended, &started, &ended, &k.attempts, &k.expected, &k.trace); err != nil {
			return nil, err
		}
		k.intended, k.started, k.ended = micros(intended), micros(started), micros(ended)
		all = append(all, k)
	}
	return all, rows.Err()
}

// keptMisses returns, by probe, the stretches of time whose due runs were missed.
func keptMisses(ctx context.Context, db *sql.DB) (all map[string][]span, err error) {
	rows, err := db.QueryContext(ctx, `SELECT probe, intended, runs FROM misses`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all = map[string][]span{}
	for rows.Next() {
		var probe string
		var intended, runs int64
		if err := rows.Scan(&probe, &intended, &runs); err != nil {
			return nil, err
		}
		from := micros(intended)
		all[probe] = append(all[probe], span{from, from.Add(time.Duration(runs) * interval)})
	}
	return all, rows.Err()
}

// lostBefore is how long before a kill a run may end whose result was not yet on disk.
const lostBefore = 3 * time.Second

// checkRuns checks that every due run is kept once or missed, that the target saw what is kept, that runs were punctual, and that the
// traces of unexpected runs arrived.
func (r *report) checkRuns(ctx context.Context, s *stage, db *sql.DB) error {
	runs, err := keptRuns(ctx, db)
	if err != nil {
		return err
	}
	misses, err := keptMisses(ctx, db)
	if err != nil {
		return err
	}
	byProbe := map[string][]keptRun{}
	for _, k := range runs {
		byProbe[k.probe] = append(byProbe[k.probe], k)
	}
	missed, unexpected, lost := 0, 0, 0
	var late []time.Duration
	for _, path := range paths() {
		list := byProbe[nameOf(path)]
		missed += r.checkDue(s, nameOf(path), list, misses[nameOf(path)])
		attempts := 0
		for _, k := range list {
			attempts += k.attempts
			if !disturbed(s, k.intended) {
				late = append(late, k.started.Sub(k.intended))
			}
			if k.expected {
				continue
			}
			if unexpected++; !s.collector.has(k.trace) && !nearKill(s, k.ended) {
				lost++
			}
		}
		seen := 0
		for _, n := range s.api.Counts(path) {
			seen += n
		}
		if allowed := 4 * (len(s.restarts) + 1); seen < attempts || seen > attempts+allowed {
			r.fails("our counts are the target's", "%s: the target counts %d requests, we keep %d attempts, with %d restarts", path, seen,
				attempts, len(s.restarts))
		}
	}
	if lost > 0 {
		r.fails("traces of unexpected runs arrive", "%d of %d did not", lost, unexpected)
	}
	slices.Sort(late)
	p99 := time.Duration(0)
	if len(late) > 0 {
		p99 = late[len(late)*99/100]
	}
	if p99 > *lateness {
		r.fails("runs are punctual", "p99 is %v late", p99)
	}
	r.figures = fmt.Sprintf("%d runs (%d unexpected), %d missed, p99 of lateness %v; memory %.0f -> %.0f MB, descriptors %.0f -> %.0f, "+
		"goroutines %.0f -> %.0f; %d restarts (%d kills), %d silences", len(runs), unexpected, missed, p99.Round(100*time.Microsecond),
		r.start.memory/1e6, r.end.memory/1e6, r.start.descriptors, r.end.descriptors, r.start.goroutines, r.end.goroutines,
		len(s.restarts), len(s.kills), len(s.silences))
	return nil
}

// checkDue checks that each due run of a probe is kept once or missed. It returns the number of missed ones.
func (r *report) checkDue(s *stage, probe string, runs []keptRun, misses []span) (missed int) {
	if len(runs) == 0 {
		r.fails("every due run is kept or missed", "%s has no run", probe)
		return 0
	}
	have := map[int64]int{}
	for _, k := range runs {
		have[k.intended.UnixMicro()]++
	}
	for at, n := range have {
		if n > 1 {
			r.fails("a run is counted once", "%s of %s is kept %d times", probe, micros(at).UTC().Format(time.StampMilli), n)
		}
	}
	last := runs[len(runs)-1].intended
	for at := runs[0].intended; at.Before(last); at = at.Add(interval) {
		isMissed := slices.ContainsFunc(misses, func(m span) bool { return !at.Before(m.from) && at.Before(m.until) })
		switch {
		case have[at.UnixMicro()] > 0 && isMissed:
			r.fails("a run is counted once", "%s of %s is kept and missed", probe, at.UTC().Format(time.StampMilli))
		case isMissed:
			missed++
		case have[at.UnixMicro()] == 0 && !nearRestart(s, at):
			r.fails("every due run is kept or missed", "%s of %s is neither", probe, at.UTC().Format(time.StampMilli))
		}
	}
	return missed
}

// nearRestart reports whether a run may be lost because the process ended or was not there.
func nearRestart(s *stage, at time.Time) bool {
	return slices.ContainsFunc(s.restarts, func(d span) bool { return d.holds(at, lostBefore) })
}

func nearKill(s *stage, ended time.Time) bool {
	return slices.ContainsFunc(s.kills, func(k time.Time) bool { return k.Sub(ended) < lostBefore && ended.Sub(k) < time.Second })
}

// disturbed reports whether the machine itself kept the daemon from running.
func disturbed(s *stage, at time.Time) bool {
	return slices.ContainsFunc(slices.Concat(s.stood, s.busy, s.restarts), func(d span) bool { return d.holds(at, 3*time.Second) })
}

// keptIncident is an incident as the daemon kept it.
type keptIncident struct {
	series, state   string
	fired, resolved time.Time
	announced       bool
}

// checkIncidents checks that each incident was announced once and ended once, in this order, and nothing while a silence covers it.
func (r *report) checkIncidents(ctx context.Context, s *stage, db *sql.DB) error {
	known, err := keptIncidents(ctx, db)
	if err != nil {
		return err
	}
	messages := slackstub.ByIncident(s.slack.Messages())
	joined, muted := 0, 0
	for id, i := range known {
		of := messages[id]
		switch {
		case of == nil && isNamed(known, messages, i):
			joined++
		case of == nil && !i.announced:
			muted++
		case of == nil:
			r.fails("every incident is announced", "%s of %s, %v to %v, is in no message", id, i.series, i.fired, i.resolved)
		default:
			r.checkTold(s, id, i, of)
		}
	}
	for id := range messages {
		if _, ok := known[id]; !ok {
			r.fails("every incident is kept", "Slack got %s, which the daemon does not know", id)
		}
	}
	r.figures += fmt.Sprintf("; %d incidents (%d joined another, %d under a silence alone)", len(known), joined, muted)
	return nil
}

// checkTold checks the messages of one incident.
func (r *report) checkTold(s *stage, id string, i keptIncident, of slackstub.Messages) {
	firing, resolved := of.Saying("FIRING"), of.Saying("RESOLVED", "ENDED")
	if i.state == "firing" {
		r.fails("everything resolves", "%s of %s is kept as firing", id, i.series)
	}
	if len(resolved) == 0 {
		r.fails("every incident ends once", "%s of %s has no RESOLVED", id, i.series)
		return
	}
	folded := strings.Contains(resolved[0].Blocks, "the latest of")
	if len(firing) == 0 && !folded {
		r.fails("every incident is announced", "%s of %s has a RESOLVED and no FIRING", id, i.series)
	}
	for event, list := range map[string]slackstub.Messages{"FIRING": firing, "RESOLVED": resolved} {
		for n := 1; n < len(list); n++ {
			if first := list[n-1]; !first.Cut && !nearKill(s, first.At.Add(-lostBefore/2)) && !nearKill(s, first.At) {
				r.fails("every incident is announced once", "%s of %s has %d %s", id, i.series, len(list), event)
			}
		}
	}
	if len(firing) > 0 && resolved[0].At.Before(firing[0].At) {
		r.fails("messages come in order", "%s of %s: RESOLVED came before FIRING", id, i.series)
	}
	if len(firing) > 0 && firing[0].At.Before(i.fired) {
		r.fails("times are true", "%s of %s was announced at %v and fired at %v", id, i.series, firing[0].At, i.fired)
	}
	for _, quiet := range s.silences {
		if strings.HasSuffix(i.series, " "+quiet.probe) && len(firing) > 0 && i.fired.After(quiet.from) &&
			firing[0].At.Before(quiet.until.Add(-time.Second)) {
			r.fails("a silence is kept", "%s of %s was announced at %v, silenced from %v to %v",
				id, i.series, firing[0].At, quiet.from, quiet.until)
		}
	}
}

// isNamed reports whether messages of another incident, which lasted at least as long, name a series that joined it.
func isNamed(known map[string]keptIncident, messages map[string]slackstub.Messages, joined keptIncident) bool {
	for id, of := range messages {
		if other, ok := known[id]; !ok || other.fired.After(joined.fired) || other.resolved.Before(joined.resolved) {
			continue
		}
		name := joined.series[strings.LastIndex(joined.series, " ")+1:]
		names := func(m slackstub.Message) bool { return strings.Contains(m.Blocks, name) }
		if slices.ContainsFunc(of.Saying("FIRING", "RESOLVED", "ENDED"), names) {
			return true
		}
	}
	return false
}

func keptIncidents(ctx context.Context, db *sql.DB) (map[string]keptIncident, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, state, rule || ' ' || series, fired, resolved, announced FROM incidents`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[string]keptIncident{}
	for rows.Next() {
		var id, fired, resolved string
		var i keptIncident
		if err := rows.Scan(&id, &i.state, &i.series, &fired, &resolved, &i.announced); err != nil {
			return nil, err
		}
		i.fired, _ = time.Parse(time.RFC3339Nano, fired)
		i.resolved, _ = time.Parse(time.RFC3339Nano, resolved)
		all[id] = i
	}
	return all, rows.Err()
}
