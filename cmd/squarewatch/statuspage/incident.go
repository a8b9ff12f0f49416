package statuspage

import (
	"fmt"
	"slices"
	"strings"

	"squarewatch/alert"
)

// IncidentPage is the page of one incident.
type IncidentPage struct {
	Head

	Problem  Problem   `json:"problem"`
	Timeline []Moment  `json:"timeline"`
	Bad      string    `json:"bad_time"`      // how long runs were bad
	Declared string    `json:"declared_time"` // how long it fired
	Ends     string    `json:"ends,omitempty"`
	Contrast *Contrast `json:"contrast,omitempty"` // absent when the first bad run is not stored
	Similar  []Entry   `json:"similar"`            // earlier incidents of the rule and series, newest first
	TraceURL string    `json:"trace_url,omitempty"`
	Support  string    `json:"support,omitempty"`
	Fault    string    `json:"fault,omitempty"` // why the records are incomplete
}

// NewIncidentPage makes the page of an incident.
func NewIncidentPage(s *Snapshot, i *alert.Incident, records Records) *IncidentPage {
	p := problemOf(i)
	for k := range s.Series {
		if a := &s.Series[k]; p.Open() && a.Rule == i.Rule && a.Series == i.Series {
			p.Silenced = a.SilencedUntil
		}
	}
	page := &IncidentPage{
		Problem: p, Timeline: timeline(i, &records, s.Now), Fault: records.Fault, TraceURL: s.TraceURL, Ends: endsWhen(s, i),
		Contrast: contrastOf(records.FirstBad, records.LastGood), Similar: similar(s, i, records.Similar),
	}
	end := i.Resolved
	if end.IsZero() {
		end = s.Now
	}
	page.Declared = lasting(end.Sub(i.Fired) - i.Paused)
	if !i.FirstBad.IsZero() {
		page.Bad = count(max(i.BadRuns, 1), "bad run", "bad runs") + " in " + lasting(i.LastBad.Sub(i.FirstBad))
	}
	if i.Overdue {
		page.Support = foreign(s.Support, cutExcerpt)
	}
	state := "bad"
	if !p.Open() {
		state = "good"
	}
	page.Head = headOf(s, p.Rule+" "+p.Series, state)
	return page
}

// similar lists earlier incidents of the same rule and series, from the store or else from the memory of this process.
func similar(s *Snapshot, i *alert.Incident, stored []alert.Incident) []Entry {
	var list []Entry
	for _, all := range [][]alert.Incident{stored, s.Ended} {
		for k := range all {
			e := &all[k]
			known := slices.ContainsFunc(list, func(entry Entry) bool { return entry.ID == e.ID })
			if !known && len(list) < maxSimilar && e.Rule == i.Rule && e.Series == i.Series && e.ID != i.ID && e.Fired.Before(i.Fired) {
				list = append(list, entryOf(e))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return b.Since.Compare(a.Since) })
	return list
}

// Markdown returns the incident as text to paste into a ticket. Foreign text cannot become a link, an image or an element there.
func (page *IncidentPage) Markdown() string {
	p := &page.Problem
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\n%s %s\n\n", p.Rule, literal(p.Series), literal(p.Say), literal(p.Act))
	for _, r := range p.Reasons {
		fmt.Fprintf(&b, "- Because: %s\n", literal(r.Text))
	}
	for _, m := range page.Timeline {
		fmt.Fprintf(&b, "- %s %s", m.At.UTC().Format("2006-01-02 15:04:05 UTC"), literal(m.What))
		if m.Say != "" {
			b.WriteString(": " + literal(m.Say))
		}
		b.WriteString("\n")
	}
	if c := page.Contrast; c != nil {
		fmt.Fprintf(&b, "\n| %s | first bad run | last good run |\n| --- | --- | --- |\n", c.Probe)
		for _, line := range c.Lines {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", line.Name, literal(line.Bad), literal(line.Good))
		}
	}
	for i := range p.Examples {
		e := &p.Examples[i]
		fmt.Fprintf(&b, "\n%s: %s %s\n\n    %s\n", e.Probe, e.What, literal(e.Reason), e.Excerpt)
	}
	return b.String()
}

// literal writes text so that Markdown shows it as it is: https://spec.commonmark.org/0.31.2/#backslash-escapes.
func literal(text string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "<", `\<`, "|", `\|`).Replace(text)
}
