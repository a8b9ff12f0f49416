package outbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// FuzzStoredRows damages the rows of one incident in the database. The message about another incident must still be delivered, and its
// state must be read. An error must say what could not be read.
func FuzzStoredRows(f *testing.F) {
	f.Add(`{"ID": "a", "Fired": "9999-12-31T23:59:59Z"}`, "firing", "2026-10-07T03:00:00.000000000Z", "3")
	f.Add(`{`, "nonsense", "", "-1")
	f.Add(`null`, "resolved", "yesterday", "many")
	onlySQLite(f, "stores any value in any column")
	f.Fuzz(func(t *testing.T, payload, event, at, number string) {
		path := filepath.Join(memoryDir(t), "x.db")
		synctest.Test(t, func(t *testing.T) {
			down := newMessenger()
			down.answer = func(int) error { return failure("network", 0) }
			first := begin(t, path, ops(down))
			first.Add(stateful(alert.EventFiring, "a"))
			first.Add(stateful(alert.EventFiring, "b"))
			first.kill()
			store, db := openStore(t, path)
			for _, statement := range []string{
				`UPDATE outbox SET payload = ?1, event = ?2, at = ?3, first = ?3, folded = ?4 WHERE incident = 'a'`,
				`UPDATE incidents SET series_state = ?1, incident = ?1, state = ?2, resolved = ?3, announced = ?4 WHERE id = 'a'`,
				`INSERT INTO receipts (notifier, address, incident, ref, event, at, payload) VALUES ('ops', '', 'a', ?3, ?2, ?3, ?1)`,
				`INSERT INTO silences (id, until, payload) VALUES (?4, '9', ?1)`,
				`INSERT INTO reports (due, notifier, address, state, payload) VALUES (?3, 'ops', '', 'waiting', ?1)`,
				`INSERT INTO notes (incident, at, author, text) VALUES ('b', ?3, ?2, ?1), ('b', ?3, 'ada', 'a note')`,
				`INSERT INTO deliveries (incident, notifier, event, queued, delivered, took, attempts, ref) 
					VALUES ('b', ?1, ?2, ?3, ?3, ?4, ?4, ?1), ('b', 'ops', 'firing', ?3, ?3, 1, 1, '')`,
			} {
				if _, err := db.ExecContext(t.Context(), statement, payload, event, at, number); err != nil {
					t.Fatal(err)
				}
			}
			checkRead(t, store)
			_ = db.Close()
			up := newMessenger()
			second, _ := beginDamaged(t, path, ops(up))
			<-time.After(10 * time.Second)
			if !slices.ContainsFunc(up.said(), func(line string) bool { return strings.Contains(line, "b") }) {
				t.Errorf("want the message about b, got %q", up.said())
			}
			second.kill()
		})
	})
}

// memoryDir returns a directory in memory if the system has one, because each run of the fuzzer writes a database.
func memoryDir(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "squarewatch") //nolint:usetesting // T.TempDir is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

// checkRead reads everything that concerns the incident b.
func checkRead(t *testing.T, store *outbox.Store) {
	t.Helper()
	states, err := store.States(t.Context(), time.Now())
	if !slices.ContainsFunc(states, func(s alert.SeriesState) bool { return s.Incident == "b" }) {
		t.Errorf("want the state of b, got %+v, %v", states, err)
	}
	faults := []error{err}
	b, err := store.Incident(t.Context(), "b")
	if err != nil || b.ID != "b" {
		t.Errorf("want the incident b, got %+v, %v", b, err)
	}
	_, err = store.Silences(t.Context(), time.Now())
	faults = append(faults, err)
	_, err = store.Incidents(t.Context(), outbox.IncidentFilter{})
	faults = append(faults, err)
	for _, err := range faults {
		if err != nil && !strings.HasPrefix(err.Error(), "read ") {
			t.Errorf("want an error that says what could not be read, got %v", err)
		}
	}
	notes, err := store.Notes(t.Context(), "b")
	if !slices.ContainsFunc(notes, func(n outbox.Note) bool { return n.By == "ada" }) {
		t.Errorf("want the note of ada, got %v, %v", notes, err)
	}
	deliveries, err := store.Deliveries(t.Context(), "b")
	if !slices.ContainsFunc(deliveries, func(d outbox.Delivery) bool { return d.Notifier == "ops" }) {
		t.Errorf("want the delivery of ops, got %v, %v", deliveries, err)
	}
}
