package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// IncidentPage is the page of one incident.
type IncidentPage struct {
	Head

	Problem  Problem  `json:"problem"`
	Timeline []Moment `json:"timeline"`
	Bad      string   `json:"bad_time"`      // how long runs were bad
	Declared string   `json:"declared_time"` // how long it fired
	Ends     string   `json:"ends,omitempty"`
	Similar  []Entry  `json:"similar"` // earlier incidents of the rule and series
	TraceURL string   `json:"trace_url,omitempty"`
	Support  string   `json:"support,omitempty"`
	Fault    string   `json:"fault,omitempty"` // why the timeline is incomplete
}

// Moment is an entry of a timeline.
type Moment struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Say  string    `json:"say,omitempty"`
}

// Records are what is stored of an incident.
type Records struct {
	Deliveries []outbox.Delivery
	Notes      []outbox.Note
	Fault      string // why they are incomplete; empty when they are whole
}

// NewIncidentPage makes the page of an incident.
func NewIncidentPage(s *Snapshot, i *alert.Incident, records Records) *IncidentPage {
	p := problemOf(i)
	page := &IncidentPage{Problem: p, Timeline: timeline(i, &records), Fault: records.Fault, TraceURL: s.TraceURL, Ends: endsWhen(i)}
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
	for k := range s.Ended {
		if e := &s.Ended[k]; e.Rule == i.Rule && e.Series == i.Series && e.ID != i.ID && e.Fired.Before(i.Fired) {
			page.Similar = append(page.Similar, entryOf(e))
		}
	}
	state := "bad"
	if !p.Open() {
		state = "good"
	}
	page.Head = headOf(s, p.Rule+" "+p.Series, state)
	return page
}

// timeline lists what happened, in order.
func timeline(i *alert.Incident, records *Records) []Moment {
	list := []Moment{
		{At: i.Clearer, What: "Whose fault it is became clearer"},
		{At: i.JoinedAt, What: "Further series joined", Say: foreign(strings.Join(i.JoinedNames(false), ", "), cutExcerpt)},
	}
	list = slices.DeleteFunc(list, func(m Moment) bool { return m.At.IsZero() })
	for _, m := range outbox.Timeline(i, records.Deliveries, records.Notes) {
		list = append(list, momentOf(i, &m))
	}
	slices.SortStableFunc(list, func(a, b Moment) int { return a.At.Compare(b.At) })
	return list
}

// momentOf writes a moment in words.
func momentOf(i *alert.Incident, m *outbox.Moment) Moment {
	shown := Moment{At: m.At}
	switch m.Kind {
	case outbox.MomentFirstBad:
		shown.What = "First bad run"
	case outbox.MomentCrossed:
		shown.What = "Threshold crossed"
	case outbox.MomentFired:
		shown.What = "Fired"
		if i.Condition == alert.ConditionRate {
			shown.Say = fmt.Sprintf("at or above %v in %s", i.Threshold, lasting(i.Window))
		}
	case outbox.MomentAcknowledged:
		shown.What, shown.Say = "Acknowledged", "by "+foreign(m.By, cutName)
	case outbox.MomentNote:
		shown.What, shown.Say = "Note", foreign(m.By, cutName)+": "+foreign(m.Text, cutNote)
	case outbox.MomentLastBad:
		shown.What, shown.Say = "Last bad run", count(i.BadRuns, "bad run", "bad runs")+" so far"
	case outbox.MomentResolved:
		shown.What = "Resolved"
		if i.Ended() {
			shown.What, shown.Say = "Ended without a recovery", foreign(m.Text, cutExcerpt)
		}
	case outbox.MomentDelivered:
		shown.What = "Told " + foreign(m.Delivery.Notifier, cutName)
		shown.Say = fmt.Sprintf("%s, %s after the change", strings.ToUpper(string(m.Delivery.Event)),
			millis(max(m.Delivery.Delivered.Sub(m.Delivery.Queued), 0)))
		if m.Delivery.Attempts > 1 {
			shown.Say += fmt.Sprintf(", at attempt %d", m.Delivery.Attempts)
		}
	}
	return shown
}

// endsWhen says what ends a firing incident; empty for an ended one, and where its condition does not say.
func endsWhen(i *alert.Incident) string {
	switch {
	case !i.Resolved.IsZero():
		return ""
	case i.Condition == alert.ConditionStreak:
		return "the first good run"
	case i.Condition == alert.ConditionRate && i.Clear > 0:
		return fmt.Sprintf("a rate below %v; it is %v now", i.Clear, i.Rate)
	}
	return ""
}

// Markdown returns the incident as text to paste into a ticket.
func (page *IncidentPage) Markdown() string {
	p := &page.Problem
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\n%s %s\n\n", p.Rule, p.Series, p.Say, p.Act)
	for _, r := range p.Reasons {
		fmt.Fprintf(&b, "- Because: %s\n", r.Text)
	}
	for _, m := range page.Timeline {
		fmt.Fprintf(&b, "- %s %s", m.At.UTC().Format("2006-01-02 15:04:05 UTC"), m.What)
		if m.Say != "" {
			b.WriteString(": " + m.Say)
		}
		b.WriteString("\n")
	}
	for i := range p.Examples {
		fmt.Fprintf(&b, "\n%s: %s %s\n\n    %s\n", p.Examples[i].Probe, p.Examples[i].What, p.Examples[i].Reason, p.Examples[i].Excerpt)
	}
	return b.String()
}
