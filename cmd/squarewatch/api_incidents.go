package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/setting"
	"squarewatch/probe/redact"
)

// pressJSON asks for a change of an incident. A form has the same fields and the field return, which names the page to show afterwards.
type pressJSON struct {
	Incident string `json:"incident"`
	By       string `json:"by,omitempty"`
	For      string `json:"for,omitempty"`  // how long to silence; 1h when empty
	Text     string `json:"text,omitempty"` // of a note

	page   string // to show after a form; empty for JSON
	isForm bool
}

// pressedJSON is the answer to a change.
type pressedJSON struct {
	Incident string     `json:"incident"`
	By       string     `json:"by"`
	Until    *time.Time `json:"until,omitempty"`   // of a silence
	Warning  string     `json:"warning,omitempty"` // why the change is not on the disk yet
}

const (
	pressedSilence = time.Hour // length of a silence by the button
	longestPressed = 24 * time.Hour
)

// press changes an incident, as a person asked with a button, a form or a command.
type press func(context.Context, *pressJSON) (pressedJSON, error)

// serveIncidents adds the handlers for changes of an incident by people.
func (d *Daemon) serveIncidents(mux *http.ServeMux) {
	for path, do := range map[string]press{
		"/api/v1/incidents/acknowledge": d.pressAcknowledge,
		"/api/v1/incidents/silence":     d.pressSilence,
		"/api/v1/incidents/note":        d.pressNote,
	} {
		mux.Handle("POST "+path, d.restricted(func(w http.ResponseWriter, r *http.Request, by string) {
			ask, err := readPress(w, r)
			var done pressedJSON
			if err == nil {
				ask.By = onBehalf(by, ask.By)
				done, err = do(r.Context(), &ask)
			}
			if err == nil {
				d.page.Changed()
			}
			answerPress(w, &ask, done, err)
		}))
	}
}

// answerPress answers a request in JSON with JSON. It answers a form with a redirect to the page that the form named.
func answerPress(w http.ResponseWriter, ask *pressJSON, done pressedJSON, err error) {
	switch {
	case err == nil && ask.isForm:
		seeOther(w, ask.page)
	case err == nil:
		respond(w, http.StatusOK, done)
	case ask.isForm:
		http.Error(w, printableLines(err.Error()), pressStatus(err))
	default:
		refuse(w, pressStatus(err), err)
	}
}

// readPress reads a form or JSON.
func readPress(w http.ResponseWriter, r *http.Request) (ask pressJSON, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	r.Body = http.MaxBytesReader(w, r.Body, largestRequest)
	if kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data" {
		ask = pressJSON{
			Incident: r.PostFormValue("incident"), By: r.PostFormValue("by"), For: r.PostFormValue("for"), Text: r.PostFormValue("text"),
			page: localPath(r.PostFormValue("return")), isForm: true,
		}
	} else {
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&ask); err != nil && !errors.Is(err, io.EOF) {
			return ask, fmt.Errorf("%w: read the request: %w", errPress, err)
		}
	}
	if ask.Incident == "" {
		return ask, fmt.Errorf("%w: the request names no incident", errPress)
	}
	for _, text := range []string{ask.Incident, ask.By, ask.For, ask.Text} {
		if redact.Printable(text) != text {
			return ask, fmt.Errorf("%w: %+q has a character that does not print; write plain text", errPress, redact.Cut(text, longestName))
		}
	}
	return ask, nil
}

// errPress is the error of an invalid request for a change.
var errPress = errors.New("the request is not understood")

// notFiringError is the error for an incident that no longer fires.
type notFiringError struct{ error }

// pressStatus returns the HTTP status of an error.
func pressStatus(err error) int {
	if _, over := errors.AsType[notFiringError](err); over {
		return http.StatusNotFound
	}
	switch {
	case errors.Is(err, errPress), errors.Is(err, outbox.ErrNote):
		return http.StatusBadRequest
	case errors.Is(err, outbox.ErrNoIncident):
		return http.StatusNotFound
	case errors.Is(err, outbox.ErrNotes), errors.Is(err, alert.ErrTooManySilences):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// pressAcknowledge records who works on an incident. The next message names the person.
func (d *Daemon) pressAcknowledge(_ context.Context, ask *pressJSON) (pressedJSON, error) {
	if err := (actions{d}).Acknowledge(ask.Incident, ask.By); err != nil {
		return pressedJSON{}, notFiringError{err}
	}
	return pressedJSON{Incident: ask.Incident, By: ask.By}, nil
}

// pressSilence mutes the rule and series of an incident.
func (d *Daemon) pressSilence(ctx context.Context, ask *pressJSON) (pressedJSON, error) {
	length := pressedSilence
	if ask.For != "" {
		var asked setting.Duration
		err := asked.UnmarshalText([]byte(ask.For))
		if length = time.Duration(asked); err != nil || length <= 0 || length > longestPressed {
			return pressedJSON{}, fmt.Errorf("%w: %q is not a length of time for a silence; write at most %s, for example 1h",
				errPress, redact.Cut(ask.For, longestName), longestPressed)
		}
	}
	silence, err := d.evaluator.SilenceFor(ask.Incident)
	if err != nil {
		return pressedJSON{}, notFiringError{err}
	}
	silence.By, silence.Until = ask.By, time.Now().Add(length).Round(0)
	kept, err := d.silences.Add(ctx, silence)
	done := pressedJSON{Incident: ask.Incident, By: ask.By, Until: &kept.Until}
	if errors.Is(err, alert.ErrNotKept) {
		done.Warning, err = err.Error(), nil
	}
	if err != nil {
		return pressedJSON{}, err
	}
	d.reportSilence(ctx, &kept)
	return done, nil
}

// pressNote adds a note to an incident that fires or is stored.
func (d *Daemon) pressNote(ctx context.Context, ask *pressJSON) (pressedJSON, error) {
	if err := d.knowsIncident(ctx, ask.Incident); err != nil {
		return pressedJSON{}, err
	}
	note := outbox.Note{Incident: ask.Incident, At: time.Now().UTC().Round(0), By: ask.By, Text: ask.Text}
	if masked := redact.Text(note.Text, len(note.Text)); masked != "" {
		note.Text = masked // a person may have pasted a token
	}
	err := d.outbox.PutNote(ctx, note)
	done := pressedJSON{Incident: ask.Incident, By: ask.By}
	if errors.Is(err, outbox.ErrNoteDisk) {
		done.Warning, err = err.Error(), nil
	}
	if err != nil {
		return pressedJSON{}, err
	}
	d.options.Logger.InfoContext(ctx, "a note was added", "by", note.By, "incident", note.Incident, "text", note.Text)
	d.queueNews(ctx, news{note: &note})
	return done, nil
}

// knowsIncident returns [outbox.ErrNoIncident] for an incident that neither fires nor is stored.
func (d *Daemon) knowsIncident(ctx context.Context, id string) error {
	for _, incident := range d.evaluator.Incidents() {
		if incident.ID == id {
			return nil
		}
	}
	store := d.state.store()
	if store == nil {
		return outbox.ErrNoIncident
	}
	_, err := store.Incident(ctx, id)
	return err
}
