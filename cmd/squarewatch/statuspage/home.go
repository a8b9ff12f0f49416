package statuspage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

const (
	// maxProblems is how many incidents the home page shows with all details. The others are in the list of incidents.
	maxProblems = 5
	// healthyRows is how many healthy probes the home page lists at once.
	healthyRows = 200
	// foldedRows is how many healthy probes are folded into the page below the others. More have a page of their own.
	foldedRows = 50
	// urgentRows is how many unhealthy probes the home page lists.
	urgentRows = 200
	// startTime is how long a daemon without a finished run counts as starting.
	startTime = time.Minute
	// maxEntries is how many incidents the home page lists.
	maxEntries = 200
)

// Head holds the fields that all pages share.
type Head struct {
	Now     time.Time `json:"now"`
	Target  string    `json:"target"`
	Version string    `json:"version"`
	State   string    `json:"state"` // good, bad or unknown: the mark in the title and the icon
	Title   string    `json:"title"`

	Location string `json:"location,omitempty"` // of the host that watches; absent when it has none
}

// Home is the home page.
type Home struct {
	Head

	Headline  string    `json:"headline"`
	Checked   time.Time `json:"checked,omitzero"` // when the last run ended
	Problems  []Problem `json:"problems"`
	Further   int       `json:"further"` // problems that are not shown
	Suspects  []Suspect `json:"suspects"`
	Filter    Filter    `json:"filter"`
	Total     int       `json:"total"`
	Counts    Counts    `json:"counts"`
	Rows      []Row     `json:"rows"`             // of probes that are not healthy, the most urgent first
	Hidden    int       `json:"hidden"`           // number of unhealthy probes that are not in Rows
	Unread    string    `json:"unread,omitempty"` // why strips do not show the period that was asked for
	Healthy   []Row     `json:"healthy"`          // one page of the healthy probes
	Folded    bool      `json:"folded"`           // Healthy is empty, because there are many and other probes need attention
	Pages     int       `json:"pages"`
	Incidents []Entry   `json:"incidents"` // of seven days, newest first
	Unlisted  int       `json:"unlisted"`  // incidents that are not in Incidents
	Watcher   Watcher   `json:"watcher"`
}

// Counts are numbers of probes.
type Counts struct {
	Bad      int `json:"bad"`
	Late     int `json:"late"`
	Silenced int `json:"silenced"`
	Healthy  int `json:"healthy"`
}

// Entry is an incident in a list.
type Entry struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Series   string    `json:"series"`
	Culprit  string    `json:"culprit,omitempty"`
	Since    time.Time `json:"since"`
	Resolved time.Time `json:"resolved,omitzero"`
	BadRuns  int       `json:"bad_runs"`
	Note     string    `json:"note,omitempty"`
}

// Watcher is the health of squarewatch itself.
type Watcher struct {
	Faults    []string   `json:"faults"`
	Notifiers []Notifier `json:"notifiers"`
	Traces    TraceFate  `json:"traces"`
	Started   time.Time  `json:"started"`
	Loaded    time.Time  `json:"loaded"`
	File      string     `json:"file,omitempty"` // the first digits of the SHA-256 of the configuration file; empty where there is none
	Differs   string     `json:"differs,omitempty"`
	Kept      bool       `json:"kept"`
}

// Notifier describes the messages that wait for one notifier.
type Notifier struct {
	Name    string        `json:"name"`
	Pending int           `json:"pending"`
	Oldest  time.Duration `json:"oldest_ns"`
	Fault   string        `json:"fault,omitempty"`
	Told    time.Time     `json:"told,omitzero"` // when it last received a message
}

// NewHome makes the home page of a snapshot.
func NewHome(s *Snapshot, filter Filter) *Home {
	rows := rowsOf(s)
	h := &Home{Filter: filter, Total: len(rows), Suspects: suspectsOf(s, rows), Watcher: watcherOf(s)}
	h.Problems, h.Further = problemsOf(s)
	for i := range h.Problems {
		if run := h.Problems[i].Newest(); run != nil && run.Trace != "" {
			run.TraceURL = strings.ReplaceAll(s.TraceURL, "{trace_id}", run.Trace)
		}
	}
	h.Incidents = entriesOf(s)
	h.Unlisted = max(len(h.Incidents)-maxEntries, 0)
	h.Incidents = h.Incidents[:len(h.Incidents)-h.Unlisted]
	h.Checked, h.Now = checked(rows), s.Now
	h.fillRows(s, rows)
	h.Headline, h.State = h.headline()
	h.Head = headOf(s, h.Headline, h.State)
	return h
}

// Fine returns the names of the suspects that are known not to be at fault, without the API and squarewatch itself.
func (h *Home) Fine() []string {
	var names []string
	for i := range h.Suspects {
		if v := &h.Suspects[i]; v.Known && !v.Bad && v.Name != apiName && v.Name != watcherName {
			names = append(names, v.Name)
		}
	}
	return names
}

// Clock writes the time of an observation as the page shows it.
func (h *Head) Clock() func(time.Time) string {
	return func(t time.Time) string { return clock(t, h.Now) }
}

func headOf(s *Snapshot, title, state string) Head {
	return Head{Now: s.Now, Target: foreign(s.Target, cutName), Version: s.Version, State: state, Title: title, Location: s.Location}
}

// fillRows counts the rows and keeps those that the filter asks for.
func (h *Home) fillRows(s *Snapshot, rows []Row) {
	var urgent, healthy []*Row
	for i := range rows {
		r := &rows[i]
		of := group(r.State)
		switch of {
		case "bad":
			h.Counts.Bad++
		case "late":
			h.Counts.Late++
		case "silenced":
			h.Counts.Silenced++
		default:
			h.Counts.Healthy++
		}
		switch {
		case !h.Filter.fits(r):
		case of == "healthy":
			healthy = append(healthy, r)
		default:
			urgent = append(urgent, r)
		}
	}
	h.Hidden = max(len(urgent)-urgentRows, 0)
	h.Rows = firstRows(s, urgent, 0, urgentRows)
	h.Pages = max((len(healthy)+healthyRows-1)/healthyRows, 1)
	h.Filter.Page = min(max(h.Filter.Page, 1), h.Pages)
	if h.Folded = len(h.Rows) > 0 && len(healthy) > foldedRows && !h.Filter.Narrow(); !h.Folded {
		h.Healthy = firstRows(s, healthy, (h.Filter.Page-1)*healthyRows, healthyRows)
	}
}

// firstRows returns some rows of a list, the most urgent first, those of equal urgency in the file's order.
func firstRows(s *Snapshot, list []*Row, begin, number int) []Row {
	slices.SortStableFunc(list, func(a, b *Row) int { return cmp.Compare(a.State.rank(), b.State.rank()) })
	list = list[min(begin, len(list)):]
	shown := make([]Row, 0, number)
	for _, r := range list[:min(number, len(list))] {
		r.measure(s)
		shown = append(shown, *r)
	}
	return shown
}

func checked(rows []Row) (last time.Time) {
	for i := range rows {
		if rows[i].At.After(last) {
			last = rows[i].At
		}
	}
	return last
}

// headline returns the sentence that a reader sees first, and the state that it describes.
func (h *Home) headline() (text, state string) {
	switch n := len(h.Problems) + h.Further; {
	case n > 0:
		worst := &h.Problems[0]
		return count(n, "problem", "problems") + ": " + worst.Rule + " " + worst.Series + ". " + worst.Say, "bad"
	case len(h.Watcher.Faults) > 0:
		return "squarewatch does not work as it should: " + h.Watcher.Faults[0] + ".", "bad"
	case h.Checked.IsZero() && h.Now.Sub(h.Watcher.Started) < startTime:
		return "squarewatch is starting: no run has finished yet.", "unknown"
	case h.Checked.IsZero():
		return "No run has finished yet.", "unknown"
	case h.Counts.Bad > 0:
		return fmt.Sprintf("No rule fires. %d of %d probes did not get what they expect.", h.Counts.Bad, h.Total), "unknown"
	case h.Counts.Late > 0:
		return fmt.Sprintf("No rule fires. %d of %d probes are late or missed.", h.Counts.Late, h.Total), "unknown"
	}
	return fmt.Sprintf("All %d probes are as expected.", h.Total), "good"
}

// entriesOf lists the incidents that fire, then those that ended. An incident that joined another one is on the page of the other.
func entriesOf(s *Snapshot) []Entry {
	var list []Entry
	add := func(i *alert.Incident) {
		if i.Leader == "" {
			list = append(list, entryOf(i))
		}
	}
	for i := range s.Firing {
		add(&s.Firing[len(s.Firing)-1-i]) // the newest first
	}
	for i := range s.Ended {
		add(&s.Ended[i])
	}
	return list
}

func entryOf(i *alert.Incident) Entry {
	return Entry{
		ID: i.ID, Rule: i.Rule, Series: foreign(i.Series, cutName), Culprit: i.Culprit(wording()), Since: i.Since, Resolved: i.Resolved,
		BadRuns: i.BadRuns, Note: foreign(i.EndReason, cutExcerpt),
	}
}

func watcherOf(s *Snapshot) Watcher {
	w := Watcher{Started: s.Started, Loaded: s.Loaded, File: s.File, Differs: foreign(s.Differs, cutExcerpt), Kept: s.Kept}
	for _, f := range s.Faults {
		w.Faults = append(w.Faults, foreign(f, cutExcerpt))
	}
	w.Traces = TraceFate{State: s.Traces.State, Why: foreign(s.Traces.Why, cutExcerpt)}
	for i := range s.Notifiers {
		w.Notifiers = append(w.Notifiers, notifierOf(&s.Notifiers[i]))
	}
	return w
}

func notifierOf(b *outbox.Backlog) Notifier {
	return Notifier{Name: b.Notifier, Pending: b.Pending, Oldest: b.OldestAge, Fault: foreign(b.LastError, cutExcerpt), Told: b.Delivered}
}

// Bad reports whether the watcher's health belongs on top of the page.
func (w *Watcher) Bad() bool {
	return len(w.Faults) > 0 || slices.ContainsFunc(w.Notifiers, func(n Notifier) bool { return n.Pending > 0 && n.Fault != "" })
}
