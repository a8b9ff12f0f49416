package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"squarewatch/alert"
)

// toldKey names what one destination was told of one incident.
type toldKey struct{ notifier, incident string }

// toldOf is what a destination last heard of an incident, and where.
type toldOf struct {
	ref      string
	event    alert.Event
	at       time.Time
	incident alert.Incident
}

// owedRow is an entry of one destination's queue.
type owedRow struct {
	notifier string
	entry    entry
}

// ledger is what one transaction writes. Several can be put into one, the newer over the older: that is how a disk that
// failed catches up.
type ledger struct {
	incidents map[string]alert.Transition  // by the incident's identifier
	states    map[string]alert.SeriesState // of incidents that are only told of in passing, by identifier
	owed      map[string]owedRow           // by the entry's identifier
	gone      map[string]bool              // entries that are owed no more
	told      map[toldKey]toldOf
}

func newLedger() *ledger {
	return &ledger{
		incidents: map[string]alert.Transition{}, states: map[string]alert.SeriesState{},
		owed: map[string]owedRow{}, gone: map[string]bool{}, told: map[toldKey]toldOf{},
	}
}

func (l *ledger) isEmpty() bool {
	return len(l.incidents)+len(l.states)+len(l.owed)+len(l.gone)+len(l.told) == 0
}

// note takes the state that a transition leads to. What is told late, after a silence, is of an incident that is over, while
// the state is of the one that followed in the same series: each has a row of its own.
func (l *ledger) note(t alert.Transition) {
	if later := t.State.Incident; later != "" && later != t.Incident.ID {
		l.states[later] = t.State
		t.State = alert.SeriesState{
			Rule: t.Incident.Rule, Series: t.Incident.Series, State: alert.Inactive, Changed: t.Incident.Resolved,
			Crossed: t.Incident.Crossed, Fired: t.Incident.Fired, Told: t.At, Resolved: t.Incident.Resolved,
			Incident: t.Incident.ID, Severity: t.Incident.Severity, Acknowledged: t.Incident.Acknowledged,
		}
	}
	l.incidents[t.Incident.ID] = t
	delete(l.states, t.Incident.ID)
}

// owe notes that an entry is owed, as it now is. A test is not kept: who asked for it waits for it.
func (l *ledger) owe(notifier string, e *entry) {
	if e.event == alert.EventTest {
		return
	}
	l.owed[e.id] = owedRow{notifier, *e}
	delete(l.gone, e.id)
}

// drop notes that an entry is owed no more.
func (l *ledger) drop(id string) {
	l.gone[id] = true
	delete(l.owed, id)
}

// merge puts a newer ledger over this one.
func (l *ledger) merge(newer *ledger) {
	maps.Copy(l.incidents, newer.incidents)
	for id := range newer.incidents {
		delete(l.states, id)
	}
	maps.Copy(l.states, newer.states)
	maps.Copy(l.told, newer.told)
	for id := range newer.gone {
		l.drop(id)
	}
	for id, row := range newer.owed {
		l.owed[id] = row
		delete(l.gone, id)
	}
}

// write writes a ledger in one transaction: a change of state and the messages that it owes stand or fall together.
func (s *Store) write(ctx context.Context, l *ledger) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write alerts: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := writeIncidents(ctx, tx, l); err != nil {
		return err
	}
	for id := range l.gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id = ?`, id); err != nil {
			return fmt.Errorf("remove a delivered message: %w", err)
		}
	}
	for id := range l.owed {
		row := l.owed[id]
		if err := writeOwed(ctx, tx, row.notifier, &row.entry); err != nil {
			return fmt.Errorf("write a message that is owed: %w", err)
		}
	}
	for key, told := range l.told {
		if err := writeTold(ctx, tx, key, &told); err != nil {
			return fmt.Errorf("write what was told: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write alerts: %w", err)
	}
	return nil
}

func writeIncidents(ctx context.Context, tx *sql.Tx, l *ledger) error {
	for id := range l.incidents {
		t := l.incidents[id]
		if err := writeIncident(ctx, tx, &t); err != nil {
			return fmt.Errorf("write incident %s: %w", id, err)
		}
	}
	for id := range l.states {
		state := l.states[id]
		if err := writeState(ctx, tx, id, &state); err != nil {
			return fmt.Errorf("write the state of incident %s: %w", id, err)
		}
	}
	return nil
}

func writeIncident(ctx context.Context, tx *sql.Tx, t *alert.Transition) error {
	state, errState := json.Marshal(t.State)
	incident, errIncident := json.Marshal(t.Incident)
	if err := errors.Join(errState, errIncident); err != nil {
		return err
	}
	word, by := "firing", ""
	switch {
	case t.Event == alert.EventEnded:
		word = "ended"
	case t.State.State != alert.Firing:
		word = "resolved"
	}
	if t.State.Acknowledged != nil {
		by = t.State.Acknowledged.By
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO incidents
		(id, rule, series, severity, state, since, fired, resolved, announced, owed, acknowledged_by, series_state, incident)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, state = excluded.state, since = excluded.since,
			resolved = excluded.resolved, announced = excluded.announced, owed = excluded.owed,
			acknowledged_by = excluded.acknowledged_by, series_state = excluded.series_state, incident = excluded.incident`,
		t.Incident.ID, t.Incident.Rule, t.Incident.Series, string(t.Incident.Severity), word, stamp(t.Incident.Since), stamp(t.Incident.Fired),
		stamp(t.State.Resolved), t.State.Announced, t.State.Owed != nil, by, state, incident)
	return err
}

// writeState writes where a series stands into the row of its newest incident.
func writeState(ctx context.Context, tx *sql.Tx, incident string, state *alert.SeriesState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE incidents SET announced = ?, owed = ?, series_state = ? WHERE id = ?`,
		state.Announced, state.Owed != nil, text, incident)
	return err
}

func writeOwed(ctx context.Context, tx *sql.Tx, notifier string, e *entry) error {
	payload, err := json.Marshal(e.incident)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (id, notifier, incident, rule, series, event, at, first, folded, digest, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET incident = excluded.incident, event = excluded.event, at = excluded.at, first = excluded.first,
			folded = excluded.folded, digest = excluded.digest, payload = excluded.payload`, e.id, notifier, e.incident.ID, e.incident.Rule, e.incident.Series, string(e.event),
		stamp(e.at), stamp(e.first), e.folded, e.digest, payload)
	return err
}

func writeTold(ctx context.Context, tx *sql.Tx, key toldKey, told *toldOf) error {
	payload, err := json.Marshal(told.incident)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO told (notifier, incident, ref, event, at, payload) VALUES (?, ?, ?, ?, ?, ?)`,
		key.notifier, key.incident, told.ref, string(told.event), stamp(told.at), payload)
	return err
}

// owed reads what an earlier process left to be delivered, by notifier, in the order in which it came to be owed: the clock may have been set back.
func (s *Store) owed(ctx context.Context) (map[string][]entry, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, notifier, event, at, first, folded, digest, payload FROM outbox ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("read messages that are owed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]entry{}
	var faults []error
	for rows.Next() {
		var e entry
		var notifier, at, first, payload string
		if err := rows.Scan(&e.id, &notifier, &e.event, &at, &first, &e.folded, &e.digest, &payload); err != nil {
			return nil, fmt.Errorf("read messages that are owed: %w", err)
		}
		if err := json.Unmarshal([]byte(payload), &e.incident); err != nil {
			faults = append(faults, fmt.Errorf("read message %s that is owed: %w", e.id, err))
			continue
		}
		e.at, e.first, e.kept = unstamp(at), unstamp(first), true
		all[notifier] = append(all[notifier], e)
	}
	return all, errors.Join(append(faults, rows.Err())...)
}

// toldSoFar reads what destinations were told, by notifier and incident.
func (s *Store) toldSoFar(ctx context.Context) (map[string]map[string]toldOf, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT notifier, incident, ref, event, at, payload FROM told`)
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string]map[string]toldOf{}
	var faults []error
	for rows.Next() {
		var told toldOf
		var notifier, incident, at, payload string
		if err := rows.Scan(&notifier, &incident, &told.ref, &told.event, &at, &payload); err != nil {
			return nil, fmt.Errorf("read what was told: %w", err)
		}
		if err := json.Unmarshal([]byte(payload), &told.incident); err != nil {
			faults = append(faults, fmt.Errorf("read what %s was told of %s: %w", notifier, incident, err))
			continue
		}
		told.at = unstamp(at)
		if all[notifier] == nil {
			all[notifier] = map[string]toldOf{}
		}
		all[notifier][incident] = told
	}
	return all, errors.Join(append(faults, rows.Err())...)
}
