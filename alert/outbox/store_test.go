package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	_ "modernc.org/sqlite" // the driver, which the program itself chooses in cmd
)

func TestUndeliveredMessagesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		down := newMessenger()
		down.answer = func(int) error { return failure("network", 0) }
		first := begin(t, path, ops(down))
		first.Add(stateful(alert.EventFiring, "a"))
		first.Add(stateful(alert.EventFiring, "b"))
		<-time.After(10 * time.Second)
		first.Add(stateful(alert.EventResolved, "b"))
		first.kill()

		<-time.After(time.Hour)
		up := newMessenger()
		second := begin(t, path, ops(up))
		states, err := second.store.States(t.Context(), time.Now())
		if err != nil || len(states) != 2 || states[0].State != alert.Firing || states[1].State != alert.Inactive {
			t.Errorf("want one series that fires and one that is over, got %+v, %v", states, err)
		}
		<-time.After(10 * time.Second)
		want(t, []string{"firing a late 1h0m10s", "resolved b folds 1 late 1h0m11s"}, up.said())
		second.kill()

		again := newMessenger()
		third := begin(t, path, ops(again))
		<-time.After(10 * time.Second)
		want(t, nil, again.said())
		third.Add(stateful(alert.EventResolved, "a"))
		<-time.After(10 * time.Second)
		want(t, []string{"resolved a"}, again.said())
	})
}

// threaded is a notifier that returns references.
type threaded struct {
	*messenger
	n int
}

func (m *threaded) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	_, err := m.messenger.Deliver(ctx, n)
	if n.Ref != "" || err != nil {
		return n.Ref, err
	}
	m.n++
	return fmt.Sprintf("m%d", m.n), nil
}

func TestALaterMessageHasTheReferenceOfTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := &threaded{messenger: newMessenger()}
		first := begin(t, path, map[string]outbox.Destination{"ops": {Notifier: m, GroupWait: time.Second}})
		first.Add(stateful(alert.EventFiring, "a"))
		first.Add(stateful(alert.EventFiring, "b"))
		<-time.After(10 * time.Second)
		first.kill()
		second := begin(t, path, map[string]outbox.Destination{"ops": {Notifier: m, GroupWait: time.Second}})
		second.Add(stateful(alert.EventResolved, "b"))
		<-time.After(10 * time.Second)
		want(t, []string{"firing a+b late 1s", "resolved b late 1s"}, m.said())
		last := m.taken[1]
		if last.Ref != "m1" || len(last.Group) != 1 || last.Group[0].ID != "a" {
			t.Errorf("want the reference of the first message and the other incident that it named, got %q %+v", last.Ref, last.Group)
		}
	})
}

func TestFiringAgainBeforeTheEndWasDeliveredIsAnUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger(nil, failure("network", 30*time.Second))
		p := begin(t, path, ops(m))
		p.Add(stateful(alert.EventFiring, "a"))
		<-time.After(10 * time.Second)
		p.Add(stateful(alert.EventResolved, "a"))
		<-time.After(10 * time.Second)
		p.Add(stateful(alert.EventFiring, "a"))
		<-time.After(time.Minute)
		want(t, []string{"firing a", "update a folds 1 late 30s"}, m.said())
	})
}

func TestAMutedChangeIsStoredAndNotSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		p := begin(t, path, ops(m))
		c := stateful(alert.EventFiring, "a")
		c.Muted = true
		p.Add(c)
		<-time.After(10 * time.Second)
		want(t, nil, m.said())
		states, err := p.store.States(t.Context(), time.Now())
		if err != nil || len(states) != 1 {
			t.Errorf("want its state kept, got %+v, %v", states, err)
		}
	})
}

func TestChangesWithOneDigestAreOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		o := deliverTo(t, m, time.Second)
		for _, rule := range []string{"r", "s"} {
			c := alone(rule)
			c.Incident.Rule, c.Digest = rule, "unmuted"
			o.Add(c)
		}
		<-time.After(10 * time.Second)
		want(t, []string{"resolved r+s late 1s"}, m.said())
	})
}

func TestMessagesAreSentWhileTheDiskFails(t *testing.T) {
	onlySQLite(t, "has a limit of its pages")
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		p := begin(t, path, ops(m))
		var pages int
		if err := p.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
			t.Fatal(err)
		}
		limit := func(n int) {
			if _, err := p.db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
				t.Fatal(err)
			}
		}
		limit(pages)
		for i := range 200 { // until the last page is full
			p.Add(stateful(alert.EventFiring, fmt.Sprintf("i%03d", i)))
		}
		if p.Fault() == nil {
			t.Fatal("want Fault to report the disk")
		}
		<-time.After(10 * time.Minute)
		if got := len(m.taken); got == 0 || m.taken[0].Incident.ID != "i000" {
			t.Fatalf("want messages delivered while the disk is full, got %d", got)
		}
		limit(1 << 20)
		<-time.After(time.Minute)
		if p.Fault() != nil {
			t.Errorf("want no fault any more, got %v", p.Fault())
		}
		states, err := p.store.States(t.Context(), time.Now())
		if err != nil || len(states) != 200 {
			t.Errorf("want all states written when the disk is back, got %d, %v", len(states), err)
		}
		p.kill()
		again := newMessenger()
		begin(t, path, ops(again))
		<-time.After(time.Minute)
		want(t, nil, again.said())
	})
}

func TestMessagesOfARemovedNotifierAreDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		down := newMessenger()
		down.answer = func(int) error { return failure("network", 0) }
		first := begin(t, path, ops(down))
		first.Add(stateful(alert.EventFiring, "a"))
		<-time.After(time.Second)
		first.kill()
		second := begin(t, path, map[string]outbox.Destination{"other": {Notifier: newMessenger()}})
		second.kill()
		m := newMessenger()
		begin(t, path, ops(m))
		<-time.After(time.Minute)
		want(t, nil, m.said())
	})
}

// forgetful is a notifier whose destination drops incidents that are not repeated.
type forgetful struct{ *messenger }

func (forgetful) RefreshEvery() time.Duration { return time.Minute }

func TestARefresherIsSentFiringIncidentsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := forgetful{newMessenger()}
		o := deliverTo(t, m, 0)
		o.Add(change(alert.EventFiring, "a"))
		o.Add(change(alert.EventFiring, "b"))
		<-time.After(150 * time.Second)
		o.Add(change(alert.EventResolved, "a"))
		<-time.After(time.Minute)
		want(t, []string{"firing a", "firing b late 1s", "update a+b", "update a+b", "resolved a", "update b"}, m.said())
	})
}

func TestSilencesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		store, db := openStore(t, path)
		var applied []alert.Silence
		apply := func(all []alert.Silence) { applied = all }
		s := alert.NewSilences(nil, outbox.New(outbox.Options{Store: store}), apply)
		kept, err := s.Add(t.Context(), alert.Silence{Rules: []string{"server-*"}, Until: time.Now().Add(time.Hour), By: "me"})
		if err != nil || len(applied) != 1 {
			t.Fatalf("want it applied, got %+v, %v", applied, err)
		}
		if _, err := s.Add(t.Context(), alert.Silence{Until: time.Now().Add(-time.Hour)}); err == nil {
			t.Error("want a silence in the past refused")
		}
		gone, err := s.Add(t.Context(), alert.Silence{Until: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(t.Context(), gone.ID); err != nil || len(applied) != 1 {
			t.Errorf("want one left, got %+v, %v", applied, err)
		}
		if err := s.Remove(t.Context(), "nothing"); err == nil {
			t.Error("want an error for a silence that does not exist")
		}
		_ = db.Close()
		again, db := openStore(t, path)
		defer func() { _ = db.Close() }()
		known, err := again.Silences(t.Context(), time.Now())
		if err != nil || len(known) != 1 || known[0].ID != kept.ID {
			t.Errorf("want the silence known after a restart, got %+v, %v", known, err)
		}
		if late, err := again.Silences(t.Context(), time.Now().Add(2*time.Hour)); err != nil || len(late) != 0 {
			t.Errorf("want it forgotten when it is over, got %+v, %v", late, err)
		}
	})
}

func TestSilencesOfAnIncidentAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, db := openStore(t, filepath.Join(t.TempDir(), "x.db"))
		defer func() { _ = db.Close() }()
		s := alert.NewSilences(nil, outbox.New(outbox.Options{Store: store}), func([]alert.Silence) {})
		add := func(rule string, length time.Duration) alert.Silence {
			t.Helper()
			kept, err := s.Add(t.Context(), alert.Silence{Rules: []string{rule}, Until: time.Now().Add(length), By: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
			return kept
		}
		i := alert.Incident{Rule: "server-errors", Series: "feed", Per: alert.PerProbe, Fired: time.Now().Add(2 * time.Minute)}
		add("server-errors", time.Minute) // is over before the incident
		add("other", time.Hour)
		short, early := add("server-*", 2*time.Minute), add("server-errors", time.Hour)
		if err := s.Remove(t.Context(), early.ID); err != nil {
			t.Fatal(err)
		}
		removed := time.Now()
		<-time.After(2 * time.Hour)
		i.Resolved = time.Now()
		add("server-errors", time.Hour) // begins after the incident
		list, err := store.SilencesOf(t.Context(), &i)
		if err != nil || len(list) != 2 || list[0].ID != short.ID || list[1].ID != early.ID {
			t.Fatalf("want the two that applied to it, got %+v, %v", list, err)
		}
		if !list[0].End().Equal(short.Until) || !list[1].End().Equal(removed) {
			t.Errorf("want the ends %v and %v, got %v and %v", short.Until, removed, list[0].End(), list[1].End())
		}
		if err := store.Prune(t.Context(), removed.Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if list, err := store.SilencesOf(t.Context(), &i); err != nil || len(list) != 0 {
			t.Errorf("want them deleted with their incident, got %+v, %v", list, err)
		}
	})
}

func TestOneUnreadableRowDoesNotAffectOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, path, ops(newMessenger()))
		p.Add(stateful(alert.EventFiring, "a"))
		p.Add(stateful(alert.EventFiring, "b"))
		<-time.After(time.Minute)
		if _, err := p.db.ExecContext(t.Context(), "UPDATE incidents SET series_state = '{' WHERE id = 'a'"); err != nil {
			t.Fatal(err)
		}
		states, err := p.store.States(t.Context(), time.Now())
		if err == nil || len(states) != 1 || states[0].Series != "b" {
			t.Errorf("want the state of b, and an error for a, got %+v, %v", states, err)
		}
	})
}

func TestTheOrderSurvivesAClockThatIsSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		down := newMessenger()
		down.answer = func(int) error { return failure("network", 0) }
		first := begin(t, path, ops(down))
		older := stateful(alert.EventResolved, "older")
		older.Alone = true
		first.Add(older)
		newer := stateful(alert.EventFiring, "newer")
		newer.At = newer.At.Add(-time.Hour)
		first.Add(newer)
		first.kill()
		up := newMessenger()
		begin(t, path, ops(up))
		<-time.After(time.Minute)
		if len(up.taken) != 2 || up.taken[0].Incident.ID != "older" {
			t.Errorf("want them in the order in which they were added, got %v", up.said())
		}
	})
}

func BenchmarkAddWithStore(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	store, err := outbox.NewStore(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	o := outbox.New(outbox.Options{Store: store, Destinations: map[string]outbox.Destination{"ops": {Notifier: newMessenger()}}})
	c := stateful(alert.EventFiring, "a")
	for b.Loop() {
		o.Add(c)
	}
}
