package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/compact"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe"
)

// statusJSON is the body of GET /api/v1/status. The command squarewatch status prints it. Durations are in seconds.
type statusJSON struct {
	Location     string          `json:"location,omitempty"` // of the host; absent when it has none
	Probes       []probeJSON     `json:"probes"`
	Alerts       []alertJSON     `json:"alerts"`
	Notifiers    []notifierJSON  `json:"notifiers"`
	Silences     []alert.Silence `json:"silences"`
	Maintenance  []alert.Silence `json:"maintenance"` // maintenance that mutes messages now
	Keys         []keyJSON       `json:"keys"`        // API keys; none without a state_dir
	StateFault   string          `json:"state_fault,omitempty"`
	WatcherFault string          `json:"watcher_fault,omitempty"` // which resource squarewatch itself lacks; empty for none
	Troubles     []string        `json:"troubles"`                // parts that do not work, with the reason

	Suspects []statuspage.Suspect  `json:"suspects,omitempty"` // which parties can be at fault, as on the home page
	Traces   *statuspage.TraceFate `json:"traces,omitempty"`   // whether the collector accepts traces

	Configuration configurationJSON `json:"configuration"`
}

// configurationJSON says which configuration runs.
type configurationJSON struct {
	Loaded  time.Time `json:"loaded"`
	Differs string    `json:"differs,omitempty"` // why the file is not the configuration that runs; empty when it is
}

type probeJSON struct {
	Probe    string     `json:"probe"`
	Schedule string     `json:"schedule"`
	Next     time.Time  `json:"next"`
	Class    string     `json:"class"`
	Code     int        `json:"code"`
	Expected bool       `json:"expected"`
	UpSince  *time.Time `json:"up_since"`  // end of the first of the latest expected runs in a row; null after an unexpected run
	BadSince *time.Time `json:"bad_since"` // end of the first of the latest unexpected runs in a row; null after an expected run
	Runs     int        `json:"runs"`
	Missed   int        `json:"missed"`
}

type alertJSON struct {
	Rule      string     `json:"rule"`
	Series    string     `json:"series"`
	Severity  string     `json:"severity"`
	State     string     `json:"state"`
	Rate      float64    `json:"rate"`
	Runs      int        `json:"runs"`
	Threshold float64    `json:"threshold"`
	Since     *time.Time `json:"since"`     // end of the first bad run; for no-data, end of the last run
	Fired     *time.Time `json:"fired"`     // when the incident was declared
	LastBad   *time.Time `json:"last_bad"`  // when its last bad run ended
	FirstBad  *time.Time `json:"first_bad"` // when its first bad run ended
	BadRuns   int        `json:"bad_runs"`
	Silenced  *time.Time `json:"silenced"`             // end of the silence
	CoveredBy string     `json:"covered_by,omitempty"` // rule and series of the incident that covers this one

	Incident       string `json:"incident,omitempty"`        // the ID of the incident that fires
	AcknowledgedBy string `json:"acknowledged_by,omitempty"` // the person who works on it

	Blame    probe.Blame      `json:"blame,omitempty"` // whose fault it is
	Evidence []probe.Evidence `json:"evidence,omitempty"`
	Advice   string           `json:"settle,omitempty"` // how to find out whose fault it is, while that is unknown
	Fault    string           `json:"fault,omitempty"`  // whose fault it is and what to do now, in sentences; only while it fires
}

type notifierJSON struct {
	Notifier  string  `json:"notifier"`
	Pending   int     `json:"pending"`
	OldestAge float64 `json:"oldest_age"`
	LastError string  `json:"last_error"`
	// Told is when the notifier last received a message; absent if it never did.
	Told time.Time `json:"told,omitzero"`
	// Listening reports whether buttons and commands work; absent if the notifier has no buttons.
	Listening      *bool  `json:"listening,omitempty"`
	ListeningError string `json:"listening_error,omitempty"`
}

func notifierOf(b *outbox.Backlog) notifierJSON {
	n := notifierJSON{Notifier: b.Notifier, Pending: b.Pending, OldestAge: b.OldestAge.Seconds(), LastError: b.LastError, Told: b.Delivered}
	if b.Commands.Wanted {
		n.Listening, n.ListeningError = &b.Commands.Connected, b.Commands.Fault
	}
	return n
}

// buttons returns the text in the table of notifiers that says whether buttons and commands work.
func (n *notifierJSON) buttons() string {
	switch {
	case n.Listening == nil:
		return ""
	case *n.Listening:
		return "work"
	case n.ListeningError == "":
		return "connecting"
	}
	return "do not work: " + n.ListeningError
}

// status returns the current state of probes, alerts, notifiers and silences.
func (d *Daemon) status(now time.Time) statusJSON {
	cfg := d.config()
	s := statusJSON{Probes: []probeJSON{}, Alerts: []alertJSON{}, Notifiers: []notifierJSON{}, Silences: d.silences.List()}
	s.Location = cfg.Location
	s.Maintenance, s.Keys = alert.ActiveMaintenance(cfg.Maintenance, now), keyList(d.keys.get())
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		last := d.probes.get(p.Name)
		s.Probes = append(s.Probes, probeJSON{
			Probe: p.Name, Schedule: p.Schedule.String(), Next: p.Schedule.Next(now), Class: last.class.String(), Code: last.code,
			Expected: last.expected, UpSince: orNull(last.upSince), BadSince: orNull(last.badSince),
			Runs: last.runs, Missed: last.missed,
		})
	}
	incidents := incidentsByKey(d.evaluator.Incidents())
	for _, a := range d.evaluator.Snapshot() {
		s.Alerts = append(s.Alerts, alertOf(&a, incidents[incidentKey{rule: a.Rule, series: a.Series}]))
	}
	for _, b := range d.outbox.Status() {
		s.Notifiers = append(s.Notifiers, notifierOf(&b))
	}
	s.WatcherFault = d.shortage.fault()
	if err := d.storageFault(); err != nil {
		s.StateFault = err.Error()
	}
	s.Configuration.Loaded, s.Configuration.Differs = d.drift.state()
	page := d.pageSnapshot(now)
	s.Suspects, s.Traces = statuspage.Suspects(page), &page.Traces
	s.Troubles = []string{}
	for _, t := range d.health.troublesAt(now) {
		s.Troubles = append(s.Troubles, t.part+": "+t.reason)
	}
	return s
}

// alertOf returns the JSON of a series and of its firing incident, which may be nil.
func alertOf(a *alert.Status, incident *alert.Incident) alertJSON {
	out := alertJSON{
		Rule: a.Rule, Series: a.Series, Severity: string(a.Severity), State: string(a.State), Rate: float64(a.Rate), Runs: a.Runs,
		Threshold: float64(a.Threshold), Since: orNull(a.Since), Fired: orNull(a.Fired), FirstBad: orNull(a.FirstBad),
		LastBad: orNull(a.LastBad), BadRuns: a.BadRuns, Silenced: orNull(a.SilencedUntil), CoveredBy: a.CoveredBy,
		Blame: a.Blame, Evidence: a.Evidence, Advice: a.Advice,
	}
	if incident == nil {
		return out
	}
	explained, _ := incident.Explain(alert.Wording{})
	out.Incident, out.Fault = incident.ID, strings.TrimSpace(explained.Say+" "+explained.Act)
	if incident.Acknowledged != nil {
		out.AcknowledgedBy = incident.Acknowledged.By
	}
	return out
}

// incidentsByKey returns incidents by rule and series.
func incidentsByKey(list []alert.Incident) map[incidentKey]*alert.Incident {
	incidents := make(map[incidentKey]*alert.Incident, len(list))
	for i := range list {
		incidents[incidentKey{rule: list[i].Rule, series: list[i].Series}] = &list[i]
	}
	return incidents
}

// storageFault returns why state would be lost at a restart; nil when storage works, or when state_dir is none.
func (d *Daemon) storageFault() error {
	faults := []error{d.state.err()}
	if fault := d.outbox.Fault(); !errors.Is(fault, outbox.ErrNoStore) { // state.err reports it already
		faults = append(faults, fault)
	}
	if d.state.writer != nil {
		faults = append(faults, d.state.writer.Status().Fault)
	}
	return errors.Join(faults...)
}

// orNull returns a time, or nil for none, which JSON shows as null.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// serveAPI adds the handlers of the JSON API.
func (d *Daemon) serveAPI(mux *http.ServeMux) {
	mux.Handle("GET /api/v1/status", read(func() any { return d.status(time.Now()) }))
	mux.Handle("GET /api/v1/silences", read(func() any { return d.silences.List() }))
	mux.Handle("GET /api/v1/maintenance", read(func() any { return alert.ActiveMaintenance(d.config().Maintenance, time.Now()) }))
	mux.Handle("POST /api/v1/silences", d.restricted(d.addSilence))
	d.serveIncidents(mux)
	d.serveLogin(mux)
	d.serveBadges(mux)
	d.serveFeed(mux)
	mux.Handle("DELETE /api/v1/silences/{id}", d.restricted(d.removeSilence))
	mux.Handle("GET "+copyPath, d.restricted(d.sendCopy))
	mux.Handle("POST /-/reload", d.restricted(d.askReload))
}

func (d *Daemon) removeSilence(w http.ResponseWriter, r *http.Request, by string) {
	switch err := d.silences.Remove(r.Context(), r.PathValue("id")); {
	case errors.Is(err, alert.ErrNoSilence):
		refuse(w, http.StatusNotFound, err)
	case errors.Is(err, alert.ErrNotKept):
		d.reportUnsilence(r.Context(), r.PathValue("id"), by)
		respond(w, http.StatusOK, keptSilence{Warning: err.Error()})
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		d.reportUnsilence(r.Context(), r.PathValue("id"), by)
		w.WriteHeader(http.StatusNoContent)
	}
}

// inForceJSON is the answer to POST /-/reload: which configuration is in force.
type inForceJSON struct {
	File   string    `json:"file"`   // as the daemon names it
	SHA256 string    `json:"sha256"` // of its content
	Loaded time.Time `json:"loaded"` // when the daemon read it
}

func (d *Daemon) inForce() inForceJSON {
	cfg := d.config()
	loaded, _ := d.drift.state()
	return inForceJSON{File: cfg.File, SHA256: hex.EncodeToString(cfg.Sum[:]), Loaded: loaded}
}

// askReload requests a reload and answers with its result.
func (d *Daemon) askReload(w http.ResponseWriter, r *http.Request, by string) {
	d.options.Logger.InfoContext(r.Context(), "a reload was requested", "by", by)
	done := make(chan error, 1)
	select {
	case d.reloads <- done:
	case <-r.Context().Done():
		return
	}
	select {
	case err := <-done:
		if err != nil {
			refuse(w, http.StatusInternalServerError, fmt.Errorf("the old configuration stays in force: %w", err))
			return
		}
		respond(w, http.StatusOK, d.inForce())
	case <-r.Context().Done():
	}
}

// read serves values that may be large as JSON.
func read(value func() any) http.Handler {
	shared := compact.NewShared()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := shared.Get(r.Context(), func(to io.Writer) error { return json.NewEncoder(to).Encode(value()) })
		if err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = body.Send(w, r, http.StatusOK) // an error means that the client has disconnected
	})
}

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// refuse answers with an error, which may quote the request.
func refuse(w http.ResponseWriter, status int, err error) {
	respond(w, status, map[string]string{"error": printableLines(err.Error())})
}
