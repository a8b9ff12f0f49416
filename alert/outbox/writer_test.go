package outbox_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// hang takes the only connection of a database, so that every write waits as for a disk that hangs.
func hang(t *testing.T, db *sql.DB) (release func()) {
	t.Helper()
	connection, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = connection.Close() }
}

func TestADiskThatHangsDelaysDeliveryOnceByASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		p := begin(t, path, ops(m))
		release := hang(t, p.db)
		began := time.Now()
		p.Add(stateful(alert.EventFiring, "a"))
		if took := time.Since(began); took > time.Second {
			t.Errorf("want the first change to wait a second at most, took %v", took)
		}
		began = time.Now()
		p.Add(stateful(alert.EventFiring, "b"))
		if err := p.PutSilence(t.Context(), alert.Silence{ID: "s", Until: time.Now().Add(time.Hour)}); err == nil {
			t.Error("want an error, because the silence is not written yet")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("want later changes not to wait, took %v", took)
		}
		<-time.After(5 * time.Second)
		want(t, []string{"firing a late 1s", "firing b late 1s"}, m.said())
		if p.Fault() == nil {
			t.Error("want Fault to report the disk")
		}
		release()
		<-time.After(30 * time.Second)
		if err := p.Fault(); err != nil {
			t.Errorf("want no fault any more, got %v", err)
		}
		states, errStates := p.store.States(t.Context(), time.Now())
		silences, errSilences := p.store.Silences(t.Context(), time.Now())
		if errStates != nil || errSilences != nil || len(states) != 2 || len(silences) != 1 {
			t.Errorf("want everything written, got %d states, %d silences, %v, %v", len(states), len(silences), errStates, errSilences)
		}
	})
}

func TestAStoreThatOpensLateGetsChangesAndItsMessagesAreDelivered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		down := newMessenger()
		down.answer = func(int) error { return failure("network", 0) }
		first := begin(t, path, ops(down))
		first.Add(stateful(alert.EventFiring, "old"))
		<-time.After(2 * time.Second)
		first.kill()

		m := newMessenger()
		o := outbox.New(outbox.Options{StoreLater: true, Destinations: ops(m), Rand: func() float64 { return 0 }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			o.Run(ctx)
		}()
		o.Add(stateful(alert.EventFiring, "new"))
		<-time.After(2 * time.Second)
		want(t, []string{"firing new"}, m.said())
		store, db := openStore(t, path)
		defer func() { _ = db.Close() }()
		if err := o.Recover(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		want(t, []string{"firing new", "firing old late 4s"}, m.said())
		states, err := store.States(t.Context(), time.Now())
		if err != nil || len(states) != 2 {
			t.Errorf("want both incidents in the store, got %d, %v", len(states), err)
		}
		cancel()
		<-ended
	})
}
