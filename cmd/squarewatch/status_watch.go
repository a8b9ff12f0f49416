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

// watch shows the state until ctx ends: on a terminal every watchInterval, elsewhere after each change. When the daemon does not answer,
// watch shows that and continues, since the daemon may be restarting.
func (v *statusView) watch(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	shown := ""
	for {
		s, err := v.ask(ctx)
		if ctx.Err() != nil {
			return nil // the person ended the command
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
	const clear = "\x1b[H\x1b[2J\x1b[3J" // ECMA-48: CUP, ED; and xterm's ED 3, which erases lines that scrolled away
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

// watchKey returns the same text for two updates when nothing changed that a person must know. It leaves out numbers of runs and rates,
// which always change.
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
