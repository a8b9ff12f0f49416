package slack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"squarewatch/alert"
	"squarewatch/probe"
)

const (
	maxExamples = 3  // failed runs in a message
	maxOthers   = 10 // other incidents in a list
)

// clearText returns the rate below which an incident ends.
func clearText(incident *alert.Incident) string {
	if incident.Clear == 0 {
		return "threshold " + incident.Threshold.String()
	}
	return "clears below " + incident.Clear.String()
}

// ended describes the outcome of the bad runs, as the end of a sentence.
func ended(classes []alert.ClassCount, single bool) string {
	if len(classes) != 1 {
		return strings.TrimSuffix("failed: "+alert.OutcomeCounts(classes), ": ")
	}
	switch only := classes[0]; {
	case only.Class == probe.Success && !single:
		return fmt.Sprintf("answered %d, but not as expected", only.Code)
	case only.Code > 0 && !only.Class.IsTransport():
		return fmt.Sprintf("answered %d", only.Code)
	default:
		return "ended in " + alert.OutcomeName(only.Class, 0)
	}
}

func (v view) firingFields() []field {
	all := []field{
		{"Rate", comparison(v.incident)},
		{"Where", where(v.incident)},
		{"Since", since(v.incident.Since, v.n.At)},
		{"Probes", badProbes(v.incident)},
		{"Bad runs", badRuns(v.incident)},
		{"Answers", alert.OutcomeCounts(v.incident.Classes)},
		{"Last runs", sparkline(v.incident.Recent)},
		{"Severity", mrkdwn(string(v.incident.Severity), cutName)},
		{"Labels", labels(v.incident.Labels)},
	}
	return slices.DeleteFunc(all, func(f field) bool { return f.value == "" })
}

func (v view) resolvedFields() []field {
	list := []field{{"Where", where(v.incident)}}
	if !v.incident.Condition.IsState() && v.incident.Condition != alert.ConditionStreak && v.n.Event != alert.EventEnded {
		list = slices.Insert(list, 0, field{"Rate now", rate(v.incident) + ", " + clearText(v.incident)})
	}
	if culprit := v.incident.Culprit(v.wording(cutReason)); culprit != "" {
		list = append(list, field{"Fault", culprit})
	}
	return list
}

func since(begin, now time.Time) string {
	text := date(begin)
	if d := now.Sub(begin); d >= time.Second && !begin.IsZero() {
		text += ", for " + lasting(d)
	}
	return text
}

// badRuns returns the number of bad runs since the incident began; empty when the window has all of them.
func badRuns(incident *alert.Incident) string {
	if incident.BadRuns <= incident.Bad {
		return ""
	}
	return fmt.Sprintf("%d so far, the last at %s", incident.BadRuns, clock(incident.LastBad))
}

func rate(incident *alert.Incident) string {
	return fmt.Sprintf("%s: %d of %d runs%s in %s", incident.Rate, incident.Bad, incident.Runs, of(incident), lasting(incident.Window))
}

// of names the probe whose runs are counted, when a rule for several probes fires for one of them.
func of(incident *alert.Incident) string {
	if incident.Probe == "" {
		return ""
	}
	return " of " + mrkdwn(incident.Probe, cutName)
}

// badProbes lists the probes with bad runs, for a rule that counts several together.
func badProbes(incident *alert.Incident) string {
	list := make([]string, 0, len(incident.BadProbes))
	for _, p := range incident.BadProbes {
		list = append(list, fmt.Sprintf("%s %d of %d", mrkdwn(p.Probe, cutName), p.Bad, p.Runs))
	}
	return alert.Shortened(list, maxOthers)
}

func where(incident *alert.Incident) string {
	if incident.Trouble != nil {
		return "squarewatch, " + mrkdwn(incident.Series, cutName)
	}
	switch incident.Per {
	case alert.PerAll:
		return "all probes"
	case alert.PerCredential:
		if incident.Series == probe.NoCredential {
			return "probes without a credential"
		}
		return "credential " + mrkdwn(incident.Series, cutName)
	case alert.PerProbe:
		return "probe " + mrkdwn(incident.Series, cutName)
	}
	return mrkdwn(incident.Series, cutName)
}

func labels(all map[string]string) string {
	list := make([]string, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, key+"="+all[key])
	}
	return mrkdwn(strings.Join(list, ", "), cutPhrase)
}

// example describes one failed run: time, outcome, reason, an excerpt of the API's answer, and the link to its trace.
func (v view) example(e *alert.Example) string {
	what := alert.OutcomeName(e.Class, e.Code)
	if e.Code > 0 && !e.Class.IsTransport() {
		what += " " + e.Class.String()
	}
	parts := []string{clock(e.At) + " *" + what + "*"}
	if e.Probe != v.incident.Series {
		parts = append(parts, mrkdwn(e.Probe, cutName))
	}
	if reason := mrkdwn(e.Reason, cutReason); reason != "" {
		parts = append(parts, reason)
	}
	parts = append(parts, v.links(e)...)
	text := strings.Join(parts, " · ")
	if words := code(e.Excerpt, cutExcerpt); words != "" {
		text += "\n> " + words
	}
	return text
}

// links returns the links to the page and to the trace of a run.
func (v view) links(e *alert.Example) []string {
	var list []string
	page := ""
	if e.Trace.IsValid() {
		page = v.options.Site.Run(e.Trace.String())
	}
	if page != "" {
		list = append(list, link(page, "run"))
	}
	if v.traced(*e) && (page == "" || v.options.TraceURL != "") {
		list = append(list, v.trace(e.Trace))
	}
	return list
}

// trace links to a trace; without a configured address it shows the identifier for a search.
func (v view) trace(id probe.TraceID) string {
	if v.options.TraceURL == "" {
		return "trace " + code(id.String(), cutName)
	}
	return link(strings.ReplaceAll(v.options.TraceURL, "{trace_id}", id.String()), "trace")
}

// runbook returns a link and not a button, because Slack expects an app to respond to each button, even to one that only opens an address.
func (v view) runbook() string {
	if v.incident.Runbook == "" {
		return ""
	}
	text := link(v.incident.Runbook, "Runbook")
	if text == "Runbook" { // not a web address, for example the name of a wiki page
		text += ": " + mrkdwn(v.incident.Runbook, cutPhrase)
	}
	return text
}

// others lists the other incidents of a message, and the series that joined them. It names each series once.
func others(all []alert.Incident) string {
	var firing, resolved, ended tally
	for i := range all {
		list, tail := &resolved, ""
		switch {
		case all[i].Resolved.IsZero():
			list, tail = &firing, fmt.Sprintf(" (%s)", all[i].Rate)
		case all[i].Ended():
			list = &ended
		}
		list.add(security(&all[i])+seriesName(all[i].Rule, all[i].Series), tail)
		for _, j := range all[i].Joined {
			if name := seriesName(j.Rule, j.Series); list.count[name] == 0 && (list != &firing || !j.Over) {
				list.add(name, "")
			}
		}
	}
	var lines []string
	if list := firing.list(); len(list) > 0 {
		lines = append(lines, "*Also firing:* "+shortened(list))
	}
	if list := resolved.list(); len(list) > 0 {
		lines = append(lines, "*Also resolved:* "+shortened(list))
	}
	if list := ended.list(); len(list) > 0 {
		lines = append(lines, "*Also ended without a recovery:* "+shortened(list))
	}
	return strings.Join(lines, "\n")
}

// shortened lists names until there are maxOthers or cutList characters, and says how many more there are.
func shortened(list []string) string {
	shown, length := 0, 0
	for shown < min(len(list), maxOthers) {
		length += len(utf16.Encode([]rune(list[shown])))
		if shown > 0 && length > cutList {
			break
		}
		shown++
	}
	return alert.Shortened(list, shown)
}

func seriesName(rule, series string) string {
	return mrkdwn(rule, cutName) + " " + mrkdwn(series, cutName)
}

// tally counts names in the order of their first occurrence.
type tally struct {
	names []string
	count map[string]int
	tail  map[string]string // text after a name
}

func (t *tally) add(name, tail string) {
	if t.count == nil {
		t.count, t.tail = map[string]int{}, map[string]string{}
	}
	if t.count[name] == 0 {
		t.names = append(t.names, name)
	}
	t.count[name]++
	t.tail[name] = tail
}

func (t *tally) list() []string {
	list := make([]string, 0, len(t.names))
	for _, name := range t.names {
		text := name + t.tail[name]
		if n := t.count[name]; n > 1 {
			text = fmt.Sprintf("%s %s", text, times(n))
		}
		list = append(list, text)
	}
	return list
}

func (v view) footer() string {
	parts := []string{"incident " + mrkdwn(v.incident.ID, cutName)}
	if v.options.Location != "" {
		parts = append(parts, "seen from "+mrkdwn(v.options.Location, cutName))
	}
	if v.n.Late >= time.Minute {
		parts = append(parts, "delivered "+lasting(v.n.Late)+" late: Slack could not be reached or asked to wait")
	}
	if v.n.Folded > 0 {
		parts = append(parts, fmt.Sprintf("the latest of %d changes", v.n.Folded+1))
	}
	if v.n.Event == alert.EventFiring || v.n.Event == alert.EventUpdate {
		parts = append(parts, v.steps())
	}
	return strings.Join(parts, " · ")
}

// steps names the section of docs/on-call.md that says what to do. The daemon's page shows that document.
func (v view) steps() string {
	section := v.incident.Section()
	if page := v.options.Site.OnCall(section); page != "" && len(page) <= cutPage {
		return link(page, "what to do, step by step")
	}
	return "what to do, step by step: docs/on-call.md, section " + mrkdwn(section, cutName)
}

// unknownTime replaces the zero time, and times before 1970, which a damaged database may hold. Slack's dates are Unix times.
const unknownTime = "an unknown time"

// date shows a time in the reader's time zone, and in UTC where Slack's date format does not work.
func date(t time.Time) string {
	if t.Unix() < 0 {
		return unknownTime
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// clock shows a time of day as date shows a time.
func clock(t time.Time) string {
	if t.Unix() < 0 {
		return unknownTime
	}
	return fmt.Sprintf("<!date^%d^{time_secs}|%s>", t.Unix(), t.UTC().Format("15:04:05 UTC"))
}

func lasting(d time.Duration) string { return alert.Lasting(d, alert.DurationCompact) }
