package alert_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
)

// What one destination believes must stay true when the configuration changes, and when one message tells several incidents.

func TestWhatIsNewIsNeverToldAsGoingOn(t *testing.T) {
	for name, order := range map[string][]string{"known first": {"a", "b"}, "new first": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger()
				o := deliverTo(t, m, 5*time.Second)
				o.Add(change(alert.EventFiring, "a"))
				<-time.After(10 * time.Second)
				o.Add(change(alert.EventResolved, "a")) // taken back before anybody heard of it
				for _, id := range order {
					o.Add(change(alert.EventFiring, id))
				}
				<-time.After(time.Minute)
				told := map[string][]alert.Event{}
				for _, n := range m.taken {
					for _, i := range append([]alert.Incident{n.Incident}, n.Others...) {
						told[i.ID] = append(told[i.ID], n.Event)
					}
				}
				want(t, map[string][]alert.Event{
					"a": {alert.EventFiring, alert.EventUpdate}, "b": {alert.EventFiring},
				}, told)
			})
		})
	}
}

func TestWhoHeardThatItFiresHearsThatItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard, waits, other := newMessenger(), newMessenger(failure("network", 30*time.Second)), newMessenger()
		o := deliverTo(t, heard, 0)
		o.Replace(map[string]alert.Destination{"ops": {Notifier: heard}, "slow": {Notifier: waits}, "other": {Notifier: other}})
		firing := change(alert.EventFiring, "a")
		firing.Notify = []string{"ops", "slow"}
		o.Add(firing)
		<-time.After(10 * time.Second)
		resolved := change(alert.EventResolved, "a") // by now the rule notifies another
		resolved.Notify = []string{"other"}
		o.Add(resolved)
		<-time.After(time.Minute)
		want(t, []string{"firing a", "resolved a"}, heard.said())
		want(t, []string{"resolved a folds 1 late 30s"}, waits.said())
		want(t, []string{"resolved a"}, other.said())
	})
}

func TestANotifierThatComesBackForgetsWhatIsOver(t *testing.T) {
	other := func() map[string]alert.Destination {
		return map[string]alert.Destination{"other": {Notifier: newMessenger()}}
	}
	for name, restart := range map[string]bool{"in one process": false, "over restarts": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				m := forgetful{newMessenger()}
				p := begin(t, path, ops(m))
				reload := func(destinations map[string]alert.Destination) {
					if restart {
						p.kill()
						p = begin(t, path, destinations)
						return
					}
					p.Replace(destinations)
				}
				p.Add(stateful(alert.EventFiring, "a"))
				p.Add(stateful(alert.EventFiring, "b"))
				<-time.After(10 * time.Second)
				reload(other())
				p.Add(stateful(alert.EventResolved, "a"))
				<-time.After(time.Second)
				reload(ops(m))
				<-time.After(90 * time.Second)
				want(t, []string{"firing a", "firing b late 1s", "update b"}, m.said())
			})
		})
	}
}

// incidentRows returns what a person sees of incidents in the database, oldest first.
func incidentRows(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT state || ' owed ' || owed FROM incidents ORDER BY fired`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAnIncidentToldLateLeavesTheOneThatFollowedAlone(t *testing.T) {
	for name, test := range map[string]struct {
		follow     []int // while the first incident is over and silenced
		said, rows []string
	}{
		"the next is over too": {codes(100, 500, 200, 200), []string{"firing", "resolved"}, []string{"resolved owed 0", "resolved owed 0"}},
		"the next fires on":    {codes(300, 500), []string{"firing", "resolved", "firing"}, []string{"resolved owed 0", "firing owed 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Until(sec(0)))
				m := newMessenger()
				p := begin(t, path, ops(m))
				options := alert.EngineOptions{Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.Reopen, r.Repeat = -1, -1 })}}
				e := engine(t, options)
				add := func(list []alert.Transition) {
					for _, c := range list {
						<-time.After(time.Until(c.At) + 2*time.Second)
						p.Add(c)
					}
				}
				add(feed(e, "a", 0, codes(10, 500)...))
				add(e.Mute([]alert.Silence{{ID: "s", From: start(), Until: sec(600)}}, sec(10)))
				add(feed(e, "a", 11, codes(150, 200)...))
				add(feed(e, "a", 161, test.follow...))
				add(e.Advance(sec(601)))
				<-time.After(time.Minute)
				var said []string
				for _, n := range m.taken {
					said = append(said, string(n.Event))
				}
				want(t, test.said, said)
				want(t, test.rows, incidentRows(t, p.db))
				p.kill()

				again := newMessenger()
				p = begin(t, path, ops(again))
				states, err := p.store.States(t.Context(), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				second := restarted(t, options, states, nil, 700)
				add(second.Mute(nil, sec(700)))
				<-time.After(time.Minute)
				want(t, nil, again.said())
				if fires := len(second.Incidents()) == 1; fires != (len(test.said) == 3) {
					t.Errorf("fires after the restart: %v", fires)
				}
			})
		})
	}
}
