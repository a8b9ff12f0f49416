package outbox_test

import (
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe/database"
)

// These tests change the names and the addresses of notifiers.

// place is a destination with an address.
type place struct {
	*threaded
	address string
	missed  []string // incidents that ended when no notifier had this address
}

func newPlace(address string, answers ...error) *place {
	return &place{&threaded{messenger: newMessenger(answers...)}, address, nil}
}

func (p *place) Address() string { return p.address }

// received returns the accepted messages without their delays: event, incidents, and the reference to which they reply.
func (p *place) received() []string {
	var lines []string
	for i, line := range p.said() {
		line, _, _ = strings.Cut(line, " late")
		if ref := p.taken[i].Ref; ref != "" {
			line += " to " + ref
		}
		lines = append(lines, line)
	}
	return lines
}

// setUp is a configuration: the destination of each notifier.
type setUp map[string]outbox.Notifier

// addresses runs an outbox and changes its configuration, by a reload or by a restart. After each change it announces again what fires, as
// the daemon does.
type addresses struct {
	t       *testing.T
	path    string
	restart bool
	process *process
	firing  map[string]bool
}

func (a *addresses) configure(all setUp) {
	destinations := map[string]outbox.Destination{}
	for name, n := range all {
		destinations[name] = outbox.Destination{Notifier: n}
	}
	switch {
	case a.process == nil:
		a.process = begin(a.t, a.path, destinations)
	case a.restart:
		a.process.kill()
		a.process = begin(a.t, a.path, destinations)
	default:
		a.process.Replace(destinations)
	}
	for _, id := range slices.Sorted(maps.Keys(a.firing)) {
		a.process.Add(reannounced(id))
	}
	<-time.After(10 * time.Second)
	synctest.Wait()
}

func (a *addresses) fire(id string, notify ...string) { a.change(alert.EventFiring, id, notify...) }

func (a *addresses) resolve(id string, notify ...string) {
	a.change(alert.EventResolved, id, notify...)
}

func (a *addresses) change(event alert.Event, id string, notify ...string) {
	t := stateful(event, id)
	t.Notify = notify
	a.process.Add(t)
	if event.Fires() {
		a.firing[id] = true
	} else {
		delete(a.firing, id)
	}
	<-time.After(10 * time.Second)
	synctest.Wait()
}

// overChanges runs a test twice: with reloads and with restarts.
func overChanges(t *testing.T, test func(a *addresses)) {
	t.Helper()
	for name, restart := range map[string]bool{"reload": false, "restart": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				test(&addresses{t: t, path: path, restart: restart, firing: map[string]bool{}})
			})
		})
	}
}

func TestANewAddressReceivesFiringBeforeResolved(t *testing.T) {
	overChanges(t, func(a *addresses) {
		before, after := newPlace("before"), newPlace("after")
		a.configure(setUp{"ops": before})
		a.fire("a")
		a.fire("b")
		a.resolve("b")
		a.configure(setUp{"ops": after})
		a.configure(setUp{"ops": after})
		a.resolve("a")
		want(a.t, []string{"firing a", "firing b", "resolved b to m2"}, before.received())
		want(a.t, []string{"firing a", "resolved a to m1"}, after.received())
	})
}

func TestAnAddressThatReturnsContinuesItsIncidents(t *testing.T) {
	overChanges(t, func(a *addresses) {
		first, second := newPlace("first"), newPlace("second")
		a.configure(setUp{"ops": first})
		a.fire("a")
		a.fire("b")
		for range 3 {
			a.configure(setUp{"ops": second})
			a.configure(setUp{"ops": first})
		}
		a.configure(setUp{"ops": second})
		a.resolve("b")
		a.configure(setUp{"ops": first})
		a.resolve("a")
		want(a.t, []string{"firing a", "firing b", "resolved a to m1"}, first.received())
		want(a.t, []string{"firing a", "firing b", "resolved b to m2"}, second.received())
	})
}

func TestNotifiersThatSwapAddressesContinueTheirIncidents(t *testing.T) {
	overChanges(t, func(a *addresses) {
		x, y := newPlace("x"), newPlace("y")
		one, two := setUp{"ops": x, "pager": y}, setUp{"ops": y, "pager": x}
		a.configure(one)
		a.fire("a")
		a.configure(two)
		a.configure(one)
		a.configure(two)
		a.resolve("a")
		want(a.t, []string{"firing a", "resolved a to m1"}, x.received())
		want(a.t, []string{"firing a", "resolved a to m1"}, y.received())
	})
}

func TestARenamedNotifierContinuesItsIncidents(t *testing.T) {
	overChanges(t, func(a *addresses) {
		x := newPlace("x")
		a.configure(setUp{"ops": x})
		a.fire("a")
		a.configure(setUp{"operators": x})
		a.resolve("a")
		want(a.t, []string{"firing a", "resolved a to m1"}, x.received())
	})
}

func TestTwoNotifiersWithOneAddressDoNotShareReceipts(t *testing.T) {
	overChanges(t, func(a *addresses) {
		x := newPlace("x")
		a.configure(setUp{"ops": x, "pager": x})
		a.fire("a", "ops")
		a.resolve("a", "ops")
		want(a.t, []string{"firing a", "resolved a to m1"}, x.received())
	})
}

func TestUndeliveredMessagesFollowTheNotifierToItsNewAddress(t *testing.T) {
	overChanges(t, func(a *addresses) {
		revoked, renewed := newPlace("revoked"), newPlace("renewed")
		a.configure(setUp{"ops": revoked})
		a.fire("a")
		revoked.answer = func(int) error { return refusal() }
		a.resolve("a")
		a.configure(setUp{"ops": renewed})
		want(a.t, []string{"firing a"}, revoked.received())
		want(a.t, []string{"resolved a"}, renewed.received())
		renewed.answer = revoked.answer
		a.fire("b")
		again := newPlace("again")
		a.configure(setUp{"ops": again})
		a.resolve("b")
		want(a.t, []string{"firing b", "resolved b to m1"}, again.received())
	})
}

func TestAnAddressThatChangesDuringAnAttempt(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		before []string
	}{
		"the attempt succeeds":   {nil, []string{"firing a"}},
		"the attempt fails":      {failure("network", 0), nil},
		"its outcome is unknown": {&outbox.DeliveryError{Reason: "timeout", Uncertain: true, Err: errors.New("no answer")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				a := &addresses{t: t, path: path, firing: map[string]bool{}}
				before, after := newPlace("before", test.answer), newPlace("after")
				before.slow = 25 * time.Second
				a.configure(setUp{"ops": before})
				a.fire("a") // takes until second 25
				a.configure(setUp{"ops": after})
				<-time.After(time.Minute)
				synctest.Wait()
				a.resolve("a")
				want(t, test.before, before.received())
				want(t, []string{"firing a", "resolved a to m1"}, after.received())
			})
		})
	}
}

// TestAnEndThatFailsWhileTheAddressChanges checks that the end of an incident is not lost.
func TestAnEndThatFailsWhileTheAddressChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		a := &addresses{t: t, path: path, firing: map[string]bool{}}
		before, after := newPlace("before", nil, failure("network", 0)), newPlace("after")
		a.configure(setUp{"ops": before})
		a.fire("a")
		before.slow = 25 * time.Second
		a.resolve("a")
		a.configure(setUp{"ops": after})
		<-time.After(time.Minute)
		synctest.Wait()
		want(t, []string{"firing a"}, before.received())
		want(t, []string{"resolved a"}, after.received())
	})
}

// oldStore makes a database of an older version, which did not store addresses: ops received FIRING of a, and RESOLVED of b waits.
func oldStore(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile("migrations/00001_alerts.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	first := fstest.MapFS{"00001_alerts.sql": {Data: text}}
	if err := database.Migrate(t.Context(), db, first, "alert_version"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`INSERT INTO told VALUES ('ops', 'a', 'm1', 'firing', '2026-10-07T03:00:00.000000000Z', '{"ID":"a","Rule":"r","Series":"a"}')`,
		`INSERT INTO outbox VALUES ('ops/b/1/resolved', 'ops', 'b', 'r', 'b', 'resolved', '2026-10-07T03:00:00.000000000Z',
			'2026-10-07T03:00:00.000000000Z', 1, '', '{"ID":"b","Rule":"r","Series":"b"}')`,
	} {
		if _, err := db.ExecContext(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReceiptsWithoutAnAddressBelongToTheConfiguredOne(t *testing.T) {
	onlySQLite(t, "has databases of that version")
	overChanges(t, func(a *addresses) {
		oldStore(a.t, a.path)
		first, second := newPlace("first"), newPlace("second")
		a.firing["a"] = true
		a.configure(setUp{"ops": first})
		want(a.t, []string{"resolved b folds 1"}, first.received())
		a.configure(setUp{"ops": second})
		a.resolve("a")
		want(a.t, []string{"firing a", "resolved a to m1"}, second.received())
		want(a.t, []string{"resolved b folds 1"}, first.received())
	})
}
