package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// watchInterval is the time between two updates of status --watch.
const watchInterval = 2 * time.Second

// watch shows the state until ctx ends: on a terminal again and again, else each time that something changed. A daemon that does not
// answer is shown too, since it may be in the middle of a restart.
func (v *statusView) watch(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	shown := ""
	for {
		s, err := v.ask(ctx)
		if ctx.Err() != nil {
			return nil // the person has seen enough
		}
		if key := watchKey(s, err); v.terminal && !v.json || key != shown {
			shown = key
			if err := v.show(s, err, time.Now()); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// show writes one update.
func (v *statusView) show(s *statusJSON, fault error, now time.Time) error {
	if v.json {
		if fault != nil {
			return json.NewEncoder(printable{v.out}).Encode(map[string]string{"error": fault.Error()})
		}
		return json.NewEncoder(printable{v.out}).Encode(s)
	}
	var body string
	if fault != nil {
		body = v.line(strings.ReplaceAll(fault.Error(), "\n", "; "), "  ")
	} else {
		body = v.render(s, now)
	}
	title := "squarewatch status at " + now.Format("2006-01-02 15:04:05 MST")
	if !v.terminal {
		return v.write(title + "\n" + body + "\n")
	}
	const clear = "\x1b[H\x1b[2J\x1b[3J" // ECMA-48: CUP, ED; and xterm's ED 3, which forgets what scrolled away
	return v.write(clear + v.cropped(title+", again every "+watchInterval.String()+", Ctrl-C ends\n"+body))
}

// cropped returns as many lines as the terminal has, with the number of those left out.
func (v *statusView) cropped(body string) string {
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	room := v.height - 1
	if v.height == 0 || len(lines) <= room {
		return body
	}
	kept := max(room-1, 1)
	return strings.Join(lines[:kept], "\n") + fmt.Sprintf("\n… and %d more lines\n", len(lines)-kept)
}

// watchKey is equal for two updates if nothing changed in between that a person must know. Numbers of runs and rates always change.
func watchKey(s *statusJSON, fault error) string {
	if fault != nil {
		return fault.Error()
	}
	var key strings.Builder
	for i := range s.Probes {
		p := &s.Probes[i]
		fmt.Fprintln(&key, p.Probe, p.Runs > 0, p.Expected, p.Class, p.Code)
	}
	for i := range s.Alerts {
		a := &s.Alerts[i]
		fmt.Fprintln(&key, a.Rule, a.Series, a.State, a.CoveredBy, a.Severity, a.Fault, sinceOr(a.Silenced, time.Time{}, ""))
	}
	for i := range s.Notifiers {
		n := &s.Notifiers[i]
		fmt.Fprintln(&key, n.Notifier, n.Pending > 0, n.LastError, n.buttons())
	}
	for i := range s.Silences {
		fmt.Fprintln(&key, s.Silences[i].ID)
	}
	for i := range s.Maintenance {
		fmt.Fprintln(&key, s.Maintenance[i].ID)
	}
	for i := range s.Suspects {
		fmt.Fprintln(&key, s.Suspects[i].Name, s.Suspects[i].Bad)
	}
	fmt.Fprintln(&key, s.StateFault, s.WatcherFault, s.Troubles, s.Configuration.Differs, s.Configuration.Loaded)
	return key.String()
}
