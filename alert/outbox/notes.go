package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"squarewatch/probe/redact"
)

// Note is what a person wrote about an incident.
type Note struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Text     string    `json:"text"` // one line of at most 500 printable characters
}

const (
	longestNote = 500                // characters
	maxNotes    = 50                 // of one incident
	noteMemory  = 7 * 24 * time.Hour // how long messages show a note
)

// Errors of [Outbox.PutNote].
var (
	ErrNote     = errors.New("the note must be one line of 1 to 500 printable characters")
	ErrNotes    = fmt.Errorf("the incident has %d notes, and takes no more", maxNotes)
	ErrNoteDisk = errors.New("the note is in the messages, but not on the disk yet")
)

// Noter is a notifier that can add a note to a message that it has delivered. The note is also in the next message about the incident.
type Noter interface {
	Notifier
	// AddNote makes one attempt to add a note to the message of a reference, within the context.
	AddNote(ctx context.Context, ref string, note Note) error
}

// PutNote adds a note to an incident. Every later message about the incident shows its newest notes. After [ErrNoteDisk] the note is
// written as soon as the disk accepts it; after other errors it is not added.
func (o *Outbox) PutNote(_ context.Context, note Note) error {
	note.Text = strings.TrimSpace(note.Text)
	if note.Text == "" || utf8.RuneCountInString(note.Text) > longestNote || redact.Printable(note.Text) != note.Text {
		return ErrNote
	}
	var err error
	o.commit(func(b *batch) { //nolint:contextcheck // the note is written even when the client has disconnected
		o.forgetNotesLocked(note.At.Add(-noteMemory))
		if len(o.notes[note.Incident]) >= maxNotes {
			err = ErrNotes
			return
		}
		o.notes[note.Incident] = append(o.notes[note.Incident], note)
		b.notes = append(b.notes, note)
	})
	if fault := o.Fault(); err == nil && fault != nil {
		err = fmt.Errorf("%w: %w", ErrNoteDisk, fault)
	}
	return err
}

// AddNote passes a note to every notifier that can add it to a message that it has delivered about the incident. It returns their errors.
func (o *Outbox) AddNote(ctx context.Context, note Note) error {
	type message struct {
		noter Noter
		name  string
		ref   string
	}
	var messages []message
	o.mu.Lock()
	for _, s := range o.sortedLocked() {
		noter, ok := s.destination.Notifier.(Noter)
		if ref := s.receipts[note.Incident].ref; ok && s.active && ref != "" {
			messages = append(messages, message{noter: noter, name: s.key.notifier, ref: ref})
		}
	}
	o.mu.Unlock()
	var faults []error
	for _, m := range messages {
		if err := m.noter.AddNote(ctx, m.ref, note); err != nil {
			faults = append(faults, fmt.Errorf("add a note through notifier %s: %w", m.name, err))
		}
	}
	return errors.Join(faults...)
}

// forgetNotesLocked drops notes from memory that were written before a time. The caller holds mu.
func (o *Outbox) forgetNotesLocked(before time.Time) {
	for incident, notes := range o.notes {
		notes = slices.DeleteFunc(notes, func(n Note) bool { return n.At.Before(before) })
		if o.notes[incident] = notes; len(notes) == 0 {
			delete(o.notes, incident)
		}
	}
}

// loadNotesLocked puts the notes of an earlier process in front of those of this process. The caller holds mu.
func (o *Outbox) loadNotesLocked(left []Note) {
	for _, note := range slices.Backward(left) {
		o.notes[note.Incident] = slices.Insert(o.notes[note.Incident], 0, note)
	}
}

// Notes returns what people wrote about an incident, in order.
func (s *Store) Notes(ctx context.Context, incident string) ([]Note, error) {
	return s.notes(ctx, `WHERE incident = ? ORDER BY at, rowid`, incident)
}

// notesOfFiring returns the notes of the incidents that fire.
func (s *Store) notesOfFiring(ctx context.Context) ([]Note, error) {
	return s.notes(ctx, `WHERE incident IN (SELECT id FROM incidents WHERE state = 'firing') ORDER BY at, rowid`)
}

// notes returns the notes that a query selects. The argument where is the end of the query, from its WHERE on.
func (s *Store) notes(ctx context.Context, where string, arguments ...any) ([]Note, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT incident, at, author, text FROM notes `+where, arguments...) //nolint:gosec // constants
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Note
	for rows.Next() {
		var n Note
		var at string
		if err := rows.Scan(&n.Incident, &at, &n.By, &n.Text); err != nil {
			return nil, fmt.Errorf("read notes: %w", err)
		}
		n.At = parseTime(at)
		list = append(list, n)
	}
	return list, rows.Err()
}

func writeNotes(ctx context.Context, tx *sql.Tx, list []Note) error {
	for _, n := range list {
		if _, err := tx.ExecContext(ctx, `INSERT INTO notes (incident, at, author, text) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			n.Incident, formatTime(n.At), n.By, n.Text); err != nil {
			return fmt.Errorf("write a note: %w", err)
		}
	}
	return nil
}
