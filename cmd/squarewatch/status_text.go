package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

// render returns the state as text: what fires first. Times are in the zone of now.
func (v *statusView) render(s *statusJSON, now time.Time) string {
	alerts := slices.SortedStableFunc(slices.Values(s.Alerts), func(a, b alertJSON) int { return cmp.Compare(urgency(&a), urgency(&b)) })
	var out strings.Builder
	out.WriteString(v.headline(s, now))
	for i := range alerts {
		out.WriteString(v.incident(&alerts[i], now))
	}
	out.WriteString(v.suspects(s, now))
	out.WriteString(v.faults(s, now))
	out.WriteString(v.probes(s.Probes, now))
	out.WriteString(v.quietRules(alerts))
	if v.all {
		for _, key := range s.Keys {
			out.WriteString(v.line(fmt.Sprintf("The API key of %s is in use since %s.", key.Credential, sinceText(key.Since, now)), "  "))
		}
	}
	out.WriteString(v.notifiers(s.Notifiers, now))
	out.WriteString(muting(v.display, s.Silences, s.Maintenance))
	return out.String()
}

// urgency orders series: what fires on its own, what fires with another, what waits, the others.
func urgency(a *alertJSON) int {
	switch {
	case a.State == string(alert.Firing) && a.CoveredBy == "":
		return 0
	case a.State == string(alert.Firing):
		return 1
	case a.State == string(alert.Pending):
		return 2
	}
	return 3
}

// headline describes the state of the daemon in one line.
func (v *statusView) headline(s *statusJSON, now time.Time) string {
	firing, bad := 0, 0
	for i := range s.Alerts {
		if s.Alerts[i].State == string(alert.Firing) {
			firing++
		}
	}
	for i := range s.Probes {
		if p := &s.Probes[i]; p.Runs > 0 && !p.Expected {
			bad++
		}
	}
	line := fmt.Sprintf("%d firing; %d of %s not healthy", firing, bad, withNumber(len(s.Probes), "probe"))
	if !s.Configuration.Loaded.IsZero() {
		line += "; configuration of " + shortTime(s.Configuration.Loaded, now)
	}
	if s.Location != "" {
		line = "At " + s.Location + ": " + line
	}
	colour := text.FgGreen
	switch {
	case firing > 0:
		colour = text.FgRed
	case bad > 0:
		colour = text.FgYellow
	}
	return v.paint(v.line(line+".", ""), colour)
}

// incident describes a series that fires or is pending; empty for any other series.
func (v *statusView) incident(a *alertJSON, now time.Time) string {
	var line string
	colour := text.FgRed
	switch urgency(a) {
	case 0:
		line = fmt.Sprintf("FIRING %s %s (%s)", a.Rule, a.Series, a.Severity)
	case 1:
		line = fmt.Sprintf("firing with %s: %s %s", a.CoveredBy, a.Rule, a.Series)
	case 2:
		line, colour = fmt.Sprintf("pending: %s %s (%s)", a.Rule, a.Series, a.Severity), text.FgYellow
	default:
		return ""
	}
	if a.Since != nil {
		line += ", bad since " + sinceText(*a.Since, now)
	}
	out := v.paint(v.line(line, "  "), colour)
	if urgency(a) == 1 {
		return out
	}
	rate := fmt.Sprintf("  %v of %s, threshold %v", setting.Share(a.Rate), withNumber(a.Runs, "run"), setting.Share(a.Threshold))
	if a.LastBad != nil {
		rate += fmt.Sprintf("; %s, last %s", withNumber(a.BadRuns, "bad run"), shortTime(*a.LastBad, now))
	}
	if a.Silenced != nil {
		rate += "; silenced until " + shortTime(*a.Silenced, now)
	}
	lines := []string{out, v.line(rate, "")}
	if a.Fault != "" {
		lines = append(lines, v.line("  "+a.Fault, ""))
	}
	for _, e := range a.Evidence {
		lines = append(lines, v.line(fmt.Sprintf("  Because: %s (%s)", e.Text, shortTime(e.At, now)), "  "))
	}
	switch {
	case a.AcknowledgedBy != "":
		lines = append(lines, v.line("  Acknowledged by "+a.AcknowledgedBy+"; incident "+a.Incident, "  "))
	case a.Incident != "":
		lines = append(lines, v.line("  Not acknowledged yet: squarewatch acknowledge "+a.Incident, "  "))
	}
	return strings.Join(lines, "")
}

// suspects lists possible culprits with what is known of each, in the words of the page. It is empty for an older daemon.
func (v *statusView) suspects(s *statusJSON, now time.Time) string {
	var all []string
	for i := range s.Suspects {
		k := &s.Suspects[i]
		all = append(all, k.Mark()+" "+k.Name+": "+k.Words(func(t time.Time) string { return shortTime(t, now) }))
	}
	if len(all) == 0 {
		return ""
	}
	return v.line(strings.Join(all, "; ")+".", "  ")
}

// faults says what is wrong with squarewatch itself.
func (v *statusView) faults(s *statusJSON, now time.Time) string {
	var lines []string
	if s.WatcherFault != "" {
		lines = append(lines, "squarewatch itself is in trouble: "+s.WatcherFault)
	}
	if s.StateFault != "" {
		lines = append(lines, "A restart will lose the state: "+s.StateFault)
	}
	if s.Configuration.Differs != "" {
		lines = append(lines, fmt.Sprintf("The configuration of %s runs, and the file differs: %s",
			shortTime(s.Configuration.Loaded, now), s.Configuration.Differs))
	}
	if s.Traces != nil && s.Traces.Trouble() {
		lines = append(lines, s.Traces.Words())
	}
	for _, t := range s.Troubles {
		lines = append(lines, "squarewatch does not work as it should: "+t)
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(v.paint(v.line(strings.ReplaceAll(line, "\n", "; "), "  "), text.FgYellow))
	}
	return out.String()
}

// probes lists the probes that are not healthy and counts the others.
func (v *statusView) probes(all []probeJSON, now time.Time) string {
	bad := v.table("probe", "last answer", "bad since", "runs", "missed")
	good := v.table("probe", "schedule", "last answer", "healthy since", "runs", "missed")
	waiting := 0
	for i := range all {
		p := &all[i]
		switch {
		case p.Runs > 0 && !p.Expected:
			bad.add(p.Probe, lastAnswer(p), sinceOr(p.BadSince, now, ""), p.Runs, p.Missed)
			continue
		case p.Runs == 0:
			waiting++
		}
		good.add(p.Probe, p.Schedule, lastAnswer(p), sinceOr(p.UpSince, now, ""), p.Runs, p.Missed)
	}
	var out strings.Builder
	if !bad.empty() {
		out.WriteString(bad.String())
	}
	healthy := len(good.rows) - waiting
	switch {
	case v.all && !good.empty():
		out.WriteString(good.String())
	case healthy > 0 && waiting > 0:
		out.WriteString(v.line(fmt.Sprintf("%s healthy, %d without a run yet; --all lists them.", isOrAre(healthy, "probe"), waiting), ""))
	case healthy > 0:
		out.WriteString(v.line(isOrAre(healthy, "probe")+" healthy; --all lists them.", ""))
	case waiting > 0:
		out.WriteString(v.line(withNumber(waiting, "probe")+" without a run yet; --all lists them.", ""))
	}
	return out.String()
}

// isOrAre returns a number with its noun and verb.
func isOrAre(n int, noun string) string {
	if n == 1 {
		return withNumber(n, noun) + " is"
	}
	return withNumber(n, noun) + " are"
}

// quietRules lists, or counts, the series that do not fire.
func (v *statusView) quietRules(alerts []alertJSON) string {
	quiet := v.table("rule", "series", "state", "rate", "threshold", "runs")
	for i := range alerts {
		a := &alerts[i]
		if urgency(a) < 3 {
			continue
		}
		state := a.State
		if a.CoveredBy != "" {
			state = "covered by " + a.CoveredBy
		}
		quiet.add(a.Rule, a.Series, state, setting.Share(a.Rate), setting.Share(a.Threshold), a.Runs)
	}
	switch {
	case quiet.empty():
		return ""
	case v.all:
		return quiet.String()
	case len(quiet.rows) == 1:
		return v.line("1 series of the rules does not fire; --all lists it.", "")
	}
	return v.line(fmt.Sprintf("%d series of the rules do not fire; --all lists them.", len(quiet.rows)), "")
}

// notifiers lists the notifiers with waiting messages or a fault, names the others, and says when each received its last message.
func (v *statusView) notifiers(all []notifierJSON, now time.Time) string {
	t := v.table("notifier", "waiting", "oldest", "last error", "buttons")
	var fine, told []string
	for i := range all {
		n := &all[i]
		if !n.Told.IsZero() {
			told = append(told, n.Notifier+" "+sinceText(n.Told, now))
		}
		if !v.all && n.Pending == 0 && n.LastError == "" && (n.Listening == nil || *n.Listening) {
			fine = append(fine, n.Notifier)
			continue
		}
		oldest := time.Duration(n.OldestAge * float64(time.Second)).Round(time.Second)
		t.add(n.Notifier, n.Pending, oldest, n.LastError, n.buttons())
	}
	var out string
	if !t.empty() {
		out = t.String()
	}
	if len(fine) > 0 {
		out += v.line("No message waits for "+strings.Join(fine, ", ")+".", "")
	}
	if len(told) > 0 {
		out += v.line("Last told: "+strings.Join(told, ", ")+".", "  ")
	}
	return out
}

func lastAnswer(p *probeJSON) string {
	switch {
	case p.Runs == 0:
		return "none yet"
	case p.Code == 0:
		return p.Class
	}
	text := strconv.Itoa(p.Code) + " " + p.Class
	if !p.Expected {
		text += ", unexpected"
	}
	return text
}

// sinceOr returns when something began and how long ago; other for no time.
func sinceOr(t *time.Time, now time.Time, other string) string {
	if t == nil {
		return other
	}
	return sinceText(*t, now)
}

// sinceText returns when something began and how long ago.
func sinceText(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", shortTime(t, now), roundedText(now.Sub(t)))
}

// shortTime shows a time in the zone of now, without the date when it is today's.
func shortTime(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04")
}
