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

// receiptKey identifies what one destination received of one incident.
type receiptKey struct {
	sender   senderKey
	incident string
}

// receipt is what a destination received last of an incident, and the reference of its first message.
type receipt struct {
	ref      string
	event    alert.Event
	at       time.Time
	incident alert.Incident
}

// queuedEntry is an entry in the queue of one destination.
type queuedEntry struct {
	sender senderKey
	entry  entry
}

// batch is what one database transaction writes. A newer batch can be merged into an older one. The outbox uses this
// after a disk failure, to write everything that is missing in one transaction.
type batch struct {
	incidents map[string]alert.Transition  // by incident identifier
	states    map[string]alert.SeriesState // of incidents without a transition in this batch, by incident identifier
	entries   map[string]queuedEntry       // by entry identifier
	removed   map[string]bool              // identifiers of entries to delete
	receipts  map[receiptKey]*receipt      // nil for one to delete
	silences  map[string]*alert.Silence    // by identifier; nil for one to delete

	deliveries []Delivery
	notes      []Note
	reports    map[reportKey]reportRow
}

func newBatch() *batch {
	return &batch{
		incidents: map[string]alert.Transition{}, states: map[string]alert.SeriesState{},
		entries: map[string]queuedEntry{}, removed: map[string]bool{}, receipts: map[receiptKey]*receipt{},
		silences: map[string]*alert.Silence{}, reports: map[reportKey]reportRow{},
	}
}

func (b *batch) isEmpty() bool {
	return len(b.incidents)+len(b.states)+len(b.entries)+len(b.removed)+len(b.receipts)+len(b.silences)+
		len(b.deliveries)+len(b.notes)+len(b.reports) == 0
}

// addTransition adds the state after a transition, and the states of the leaders that must name its incident. If a silence held back the
// end of an incident, the state of the series may belong to the next incident. Each of the two incidents then gets its own row.
func (b *batch) addTransition(t alert.Transition) {
	if next := t.State.Incident; next != "" && next != t.Incident.ID {
		b.states[next] = t.State
		t.State = alert.SeriesState{
			Rule: t.Incident.Rule, Series: t.Incident.Series, State: alert.Inactive, Changed: t.Incident.Resolved,
			Crossed: t.Incident.Crossed, Fired: t.Incident.Fired, Notified: t.At, Resolved: t.Incident.Resolved,
			Incident: t.Incident.ID, Severity: t.Incident.Severity, Acknowledged: t.Incident.Acknowledged,
		}
	}
	b.incidents[t.Incident.ID] = t
	delete(b.states, t.Incident.ID)
	for _, leader := range t.Leaders {
		b.states[leader.Incident] = leader
	}
}

// put adds an entry as it is now. Test messages are not stored, because the person who sends one waits for the result.
func (b *batch) put(sender senderKey, e *entry) {
	if e.event == alert.EventTest {
		return
	}
	b.entries[e.id] = queuedEntry{sender: sender, entry: *e}
	delete(b.removed, e.id)
}

// remove makes the batch delete an entry from the store.
func (b *batch) remove(id string) {
	b.removed[id] = true
	delete(b.entries, id)
}

// merge adds a newer batch to this one.
func (b *batch) merge(newer *batch) {
	maps.Copy(b.incidents, newer.incidents)
	for id := range newer.incidents {
		delete(b.states, id)
	}
	maps.Copy(b.states, newer.states)
	maps.Copy(b.receipts, newer.receipts)
	maps.Copy(b.silences, newer.silences)
	maps.Copy(b.reports, newer.reports)
	b.deliveries, b.notes = append(b.deliveries, newer.deliveries...), append(b.notes, newer.notes...)
	for id := range newer.removed {
		b.remove(id)
	}
	for id, row := range newer.entries {
		b.entries[id] = row
		delete(b.removed, id)
	}
}

// write writes a batch in one transaction, so that a change of state and its messages are stored together or not at all.
func (s *Store) write(ctx context.Context, b *batch) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write alerts: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // has no effect after a commit
	if err := writeAll(ctx, tx, b); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write alerts: %w", err)
	}
	return nil
}

// writeAll writes the parts of a batch.
func writeAll(ctx context.Context, tx *sql.Tx, b *batch) error {
	if err := writeIncidents(ctx, tx, b); err != nil {
		return err
	}
	for id := range b.removed {
		if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id = ?`, id); err != nil {
			return fmt.Errorf("remove a message from the outbox: %w", err)
		}
	}
	for id := range b.entries {
		row := b.entries[id]
		if err := writeEntry(ctx, tx, row.sender, &row.entry); err != nil {
			return fmt.Errorf("write an undelivered message: %w", err)
		}
	}
	for key, r := range b.receipts {
		if err := writeReceipt(ctx, tx, key, r); err != nil {
			return fmt.Errorf("write a receipt: %w", err)
		}
	}
	for id, silence := range b.silences {
		if err := writeSilence(ctx, tx, id, silence); err != nil {
			return fmt.Errorf("write silence %s: %w", id, err)
		}
	}
	return errors.Join(writeDeliveries(ctx, tx, b.deliveries), writeNotes(ctx, tx, b.notes), writeReports(ctx, tx, b.reports))
}

func writeIncidents(ctx context.Context, tx *sql.Tx, b *batch) error {
	for id := range b.incidents {
		t := b.incidents[id]
		if err := writeIncident(ctx, tx, &t); err != nil {
			return fmt.Errorf("write incident %s: %w", id, err)
		}
	}
	for id := range b.states {
		state := b.states[id]
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
		t.Incident.ID, t.Incident.Rule, t.Incident.Series, string(t.Incident.Severity), word,
		formatTime(t.Incident.Since), formatTime(t.Incident.Fired),
		formatTime(t.State.Resolved), t.State.Announced, t.State.Owed != nil, by, state, incident)
	return err
}

// writeState updates the state of a series in the row of its newest incident.
func writeState(ctx context.Context, tx *sql.Tx, incident string, state *alert.SeriesState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE incidents SET announced = ?, owed = ?, series_state = ? WHERE id = ?`,
		state.Announced, state.Owed != nil, text, incident)
	return err
}

func writeEntry(ctx context.Context, tx *sql.Tx, sender senderKey, e *entry) error {
	payload, err := json.Marshal(e.incident)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (id, notifier, address, incident, rule, series, event, at, first, folded, digest, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET incident = excluded.incident, event = excluded.event, at = excluded.at, first = excluded.first,
			folded = excluded.folded, digest = excluded.digest, payload = excluded.payload`,
		e.id, sender.notifier, sender.address, e.incident.ID, e.incident.Rule, e.incident.Series, string(e.event),
		formatTime(e.at), formatTime(e.first), e.folded, e.digest, payload)
	return err
}

// writeReceipt writes a receipt. If r is nil it deletes the stored receipt.
func writeReceipt(ctx context.Context, tx *sql.Tx, key receiptKey, r *receipt) error {
	if r == nil {
		_, err := tx.ExecContext(ctx, `DELETE FROM receipts WHERE notifier = ? AND address = ? AND incident = ?`,
			key.sender.notifier, key.sender.address, key.incident)
		return err
	}
	payload, err := json.Marshal(r.incident)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO receipts (notifier, address, incident, ref, event, at, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (notifier, address, incident) DO UPDATE SET ref = excluded.ref, event = excluded.event, at = excluded.at,
			payload = excluded.payload`,
		key.sender.notifier, key.sender.address, key.incident, r.ref, string(r.event), formatTime(r.at), payload)
	return err
}

// writeSilence writes a silence. If silence is nil it records that the stored one was removed, for the pages of incidents.
func writeSilence(ctx context.Context, tx *sql.Tx, id string, silence *alert.Silence) error {
	if silence == nil {
		return removeSilence(ctx, tx, id)
	}
	payload, err := json.Marshal(silence)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO silences (id, until, payload) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET until = excluded.until, payload = excluded.payload`, id, formatTime(silence.Until), payload)
	return err
}

// removeSilence records in a stored silence that it was removed. It leaves a row alone that cannot be read.
func removeSilence(ctx context.Context, tx *sql.Tx, id string) error {
	var payload string
	switch err := tx.QueryRowContext(ctx, `SELECT payload FROM silences WHERE id = ?`, id).Scan(&payload); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(payload), &fields); err != nil || fields == nil {
		return nil //nolint:nilerr // Silences reports it
	}
	removed, err := json.Marshal(time.Now().UTC())
	if err != nil {
		return err
	}
	fields["removed"] = removed
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE silences SET payload = ? WHERE id = ?`, string(text), id)
	return err
}

// entries returns the undelivered messages of an earlier process by sender, in the order in which they were queued. It does not sort by
// time, because the clock may have been set back. Rows that cannot be read are left out and reported in the error.
func (s *Store) entries(ctx context.Context) (map[senderKey][]entry, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, notifier, address, event, at, first, folded, digest, payload FROM outbox ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("read undelivered messages: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[senderKey][]entry{}
	var faults []error
	for rows.Next() {
		var e entry
		var key senderKey
		var at, first, payload string
		if err := rows.Scan(&e.id, &key.notifier, &key.address, &e.event, &at, &first, &e.folded, &e.digest, &payload); err != nil {
			faults = append(faults, fmt.Errorf("read undelivered message %s: %w", e.id, err))
			continue
		}
		if err := json.Unmarshal([]byte(payload), &e.incident); err != nil {
			faults = append(faults, fmt.Errorf("read undelivered message %s: %w", e.id, err))
			continue
		}
		e.at, e.first, e.written = parseTime(at), parseTime(first), true
		all[key] = append(all[key], e)
	}
	return all, errors.Join(append(faults, rows.Err())...)
}

// receipts returns what destinations have received, by sender and incident. Rows that cannot be read are left out and reported in the
// error.
func (s *Store) receipts(ctx context.Context) (map[senderKey]map[string]receipt, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT notifier, address, incident, ref, event, at, payload FROM receipts`)
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[senderKey]map[string]receipt{}
	var faults []error
	for rows.Next() {
		var r receipt
		var key senderKey
		var incident, at, payload string
		if err := rows.Scan(&key.notifier, &key.address, &incident, &r.ref, &r.event, &at, &payload); err != nil {
			faults = append(faults, fmt.Errorf("read the receipt of notifier %s for incident %s: %w", key.notifier, incident, err))
			continue
		}
		if err := json.Unmarshal([]byte(payload), &r.incident); err != nil {
			faults = append(faults, fmt.Errorf("read the receipt of notifier %s for incident %s: %w", key.notifier, incident, err))
			continue
		}
		r.at = parseTime(at)
		if all[key] == nil {
			all[key] = map[string]receipt{}
		}
		all[key][incident] = r
	}
	return all, errors.Join(append(faults, rows.Err())...)
}
