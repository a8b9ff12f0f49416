package outbox_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// These tests check that what a destination shows stays true when the configuration changes, and when one message reports several
// incidents.

func TestANewIncidentIsNeverAnnouncedAsAnUpdate(t *testing.T) {
	for name, order := range map[string][]string{"known first": {"a", "b"}, "new first": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger()
				o := deliverTo(t, m, 5*time.Second)
				o.Add(change(alert.EventFiring, "a"))
				<-time.After(10 * time.Second)
				o.Add(change(alert.EventResolved, "a")) // withdrawn by the next FIRING, before it is sent
				for _, id := range order {
					o.Add(change(alert.EventFiring, id))
				}
				<-time.After(time.Minute)
				events := map[string][]alert.Event{}
				for _, n := range m.taken {
					for _, i := range append([]alert.Incident{n.Incident}, n.Others...) {
						events[i.ID] = append(events[i.ID], n.Event)
					}
				}
				want(t, map[string][]alert.Event{
					"a": {alert.EventFiring, alert.EventUpdate}, "b": {alert.EventFiring},
				}, events)
			})
		})
	}
}

func TestADestinationThatReceivedFiringReceivesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		informed, waits, other := newMessenger(), newMessenger(failure("network", 30*time.Second)), newMessenger()
		o := deliverTo(t, informed, 0)
		o.Replace(map[string]outbox.Destination{"ops": {Notifier: informed}, "slow": {Notifier: waits}, "other": {Notifier: other}})
		firing := change(alert.EventFiring, "a")
		firing.Notify = []string{"ops", "slow"}
		o.Add(firing)
		<-time.After(10 * time.Second)
		resolved := change(alert.EventResolved, "a") // the rule notifies another notifier now
		resolved.Notify = []string{"other"}
		o.Add(resolved)
		<-time.After(time.Minute)
		want(t, []string{"firing a", "resolved a"}, informed.said())
		want(t, []string{"resolved a folds 1 late 30s"}, waits.said())
		want(t, nil, other.said()) // it never received FIRING
	})
}

func TestANotifierThatIsAddedAgainDropsEndedIncidents(t *testing.T) {
	other := func() map[string]outbox.Destination {
		return map[string]outbox.Destination{"other": {Notifier: newMessenger()}}
	}
	for name, restart := range map[string]bool{"in one process": false, "over restarts": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				m := forgetful{newMessenger()}
				p := begin(t, path, ops(m))
				reload := func(destinations map[string]outbox.Destination) {
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

// incidentRows returns the columns of incidents that a person reads, oldest first.
func incidentRows(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT state || ' owed ' || CASE WHEN owed THEN 1 ELSE 0 END FROM incidents ORDER BY fired`)
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

func TestALateEndDoesNotChangeTheNextIncident(t *testing.T) {
	for name, test := range map[string]struct {
		follow     []int // status codes after the first incident ended in a silence
		said, rows []string
	}{
		"the next has ended":   {codes(100, 500, 200, 200), []string{"firing", "resolved"}, []string{"resolved owed 0", "resolved owed 0"}},
		"the next still fires": {codes(300, 500), []string{"firing", "resolved", "firing"}, []string{"resolved owed 0", "firing owed 0"}},
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

// reannounced returns FIRING for notifiers that never received it.
func reannounced(id string, notify ...string) alert.Transition {
	c := change(alert.EventFiring, id)
	c.Reannounced, c.Notify = true, notify
	return c
}

func TestAnIncidentIsAnnouncedAgainOnlyToNotifiersThatNeverReceivedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		knows, waits, added, unnamed := newMessenger(), newMessenger(failure("network", time.Minute)), newMessenger(), newMessenger()
		o := deliverTo(t, knows, 0)
		o.Replace(map[string]outbox.Destination{"ops": {Notifier: knows}, "slow": {Notifier: waits}})
		o.Add(change(alert.EventFiring, "a"))
		<-time.After(10 * time.Second)
		o.Replace(map[string]outbox.Destination{
			"ops": {Notifier: knows}, "slow": {Notifier: waits}, "added": {Notifier: added}, "unnamed": {Notifier: unnamed},
		})
		for range 2 {
			o.Add(reannounced("a", "ops", "slow", "added"))
			<-time.After(2 * time.Minute)
		}
		resolved := change(alert.EventResolved, "a")
		resolved.Notify = []string{"ops", "slow", "added", "unnamed"}
		o.Add(resolved)
		<-time.After(time.Minute)
		want(t, []string{"firing a", "resolved a"}, knows.said())
		want(t, []string{"firing a late 10s", "resolved a"}, waits.said())
		want(t, []string{"firing a", "resolved a"}, added.said())
		want(t, nil, unnamed.said())
	})
}

func TestAWaitingFiringIsDroppedWhenTheRuleNoLongerNamesTheNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger(failure("network", time.Minute))
		o := deliverTo(t, m, 0)
		o.Add(change(alert.EventFiring, "a"))
		<-time.After(time.Second)
		o.Add(reannounced("a", "other"))
		<-time.After(time.Hour)
		o.Add(change(alert.EventResolved, "a"))
		<-time.After(time.Hour)
		want(t, nil, m.said())
	})
}

func TestAReminderOfAnUnknownIncidentIsSentAsFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		o := deliverTo(t, m, 0)
		for range 2 {
			o.Add(change(alert.EventUpdate, "a"))
			<-time.After(time.Minute)
		}
		want(t, []string{"firing a", "update a"}, m.said())
	})
}

// TestAnIncidentThatEndsMutedWhileItIsDelivered starts a silence during an attempt, and ends the incident in that silence.
func TestAnIncidentThatEndsMutedWhileItIsDelivered(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		want   []string
	}{
		"the attempt succeeds": {nil, []string{"firing a", "resolved a"}},
		"the attempt fails":    {failure("network", 0), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger(test.answer)
				m.slow = 20 * time.Second
				o := deliverTo(t, m, 0)
				o.Add(change(alert.EventFiring, "a"))
				<-time.After(5 * time.Second)
				o.Mute([]alert.Silence{{From: time.Now(), Until: time.Now().Add(10 * time.Second)}})
				muted := change(alert.EventResolved, "a")
				muted.Muted = true
				o.Add(muted)
				<-time.After(10 * time.Second)
				o.Add(change(alert.EventResolved, "a")) // the silence has ended, the attempt has not
				<-time.After(time.Hour)
				var said []string
				for _, n := range m.taken {
					said = append(said, string(n.Event)+" "+n.Incident.ID)
				}
				want(t, test.want, said)
			})
		})
	}
}

func TestEndsHeldBackByASilenceAreOneMessageAndNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger(nil, nil, failure("network", time.Minute))
		o := deliverTo(t, m, 0)
		for _, id := range []string{"a", "b"} {
			c := change(alert.EventFiring, id)
			c.Incident.Rule = "rule-" + id
			o.Add(c)
			<-time.After(time.Minute)
		}
		for _, id := range []string{"a", "b"} {
			c := change(alert.EventResolved, id)
			c.Incident.Rule = "rule-" + id
			o.Add(c)
			<-time.After(time.Second)
		}
		o.Mute([]alert.Silence{{From: time.Now(), Until: time.Now().Add(time.Hour)}})
		last := time.Now().Add(-time.Minute - 2*time.Second)
		want(t, []outbox.Backlog{{Notifier: "ops", LastError: "network: no", Delivered: last}}, o.Status())
		o.Add(alert.Transition{At: time.Now(), Event: alert.EventTest}) // a person tests the notifier during the silence
		<-time.After(50 * time.Minute)
		want(t, []string{"firing a", "firing b", "test  late 58s"}, m.said())
		<-time.After(time.Hour)
		want(t, []string{"firing a", "firing b", "test  late 58s", "resolved a+b"}, m.said())
	})
}

// TestAFiringThatMayHaveArrivedIsNotForgotten breaks the connection after the destination took FIRING, and ends the incident in a silence.
// People may have received FIRING, so they must receive RESOLVED.
func TestAFiringThatMayHaveArrivedIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger(&outbox.DeliveryError{Reason: "network", Uncertain: true, RetryAfter: time.Minute, Err: errors.New("reset")})
		o := deliverTo(t, m, 0)
		o.Add(change(alert.EventFiring, "a"))
		<-time.After(5 * time.Second)
		o.Mute([]alert.Silence{{From: time.Now(), Until: time.Now().Add(time.Hour)}})
		muted := change(alert.EventResolved, "a")
		muted.Muted = true
		o.Add(muted)
		<-time.After(time.Hour - time.Second)
		want(t, nil, m.said())
		<-time.After(time.Hour)
		if said := m.said(); len(said) != 1 || !strings.HasPrefix(said[0], "resolved a") {
			t.Errorf("want only RESOLVED delivered, got %v", said)
		}
	})
}
