package outbox_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe/database"

	_ "modernc.org/sqlite" // the driver, which the program itself chooses in cmd
)

// openStore opens a store in a file. It is not closed, because the process may be killed.
func openStore(t *testing.T, path string) (*outbox.Store, *sql.DB) {
	t.Helper()
	db := openDatabase(t, path)
	if !database.IsPostgres(db) { // it migrates with two connections
		db.SetMaxOpenConns(1)
	}
	store, err := outbox.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return store, db
}

// process is an outbox with a store that can be killed.
type process struct {
	*outbox.Outbox

	store *outbox.Store
	db    *sql.DB
	kill  func()
}

// begin starts a process on a database. When it is killed, it stops in the middle of its work, as far as a test can do that.
func begin(t *testing.T, path string, destinations map[string]outbox.Destination, silences ...alert.Silence) *process {
	t.Helper()
	p, err := beginDamaged(t, path, destinations, silences...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// beginDamaged starts a process on a database in which some rows cannot be read: the error says which.
func beginDamaged(
	t *testing.T, path string, destinations map[string]outbox.Destination, silences ...alert.Silence,
) (*process, error) {
	t.Helper()
	store, db := openStore(t, path)
	o := outbox.New(outbox.Options{Store: store, Rand: func() float64 { return 0 }, Grace: func() time.Duration { return time.Nanosecond }})
	damage := o.Load(t.Context())
	o.Mute(silences)
	o.Replace(destinations)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	p := &process{Outbox: o, store: store, db: db}
	p.kill = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = db.Close()
	})
	t.Cleanup(p.kill)
	return p, damage
}

func ops(m outbox.Notifier) map[string]outbox.Destination {
	return map[string]outbox.Destination{"ops": {Notifier: m}}
}

// stateful returns a transition with the state that the engine would add.
func stateful(event alert.Event, id string) alert.Transition {
	c := change(event, id)
	c.State = alert.SeriesState{Rule: "r", Series: id, State: alert.Firing, Fired: c.At, Incident: id, Announced: true}
	if event == alert.EventResolved {
		c.State.State, c.State.Resolved = alert.Inactive, c.At
	}
	return c
}
