package outbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
)

// joining returns the muted FIRING of an incident that joined incident a.
func joining(id string) alert.Transition {
	c := change(alert.EventFiring, id)
	c.Incident.Leader, c.Muted = "a", true
	return c
}

// naming returns an UPDATE of incident a that names series that joined.
func naming(ids ...string) alert.Transition {
	c := change(alert.EventUpdate, "a")
	c.Incident.JoinedAt = c.At
	for _, id := range ids {
		c.Incident.Joined = append(c.Incident.Joined, alert.JoinedSeries{Rule: "r", Series: id})
	}
	return c
}

func TestAWaitingFiringNamesTheSeriesThatJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		o := deliverTo(t, m, 5*time.Second)
		o.Add(change(alert.EventFiring, "a"))
		<-time.After(2 * time.Second)
		o.Add(joining("b"))
		o.Add(joining("b"))
		<-time.After(15 * time.Second)
		want(t, []string{"firing a late 5s"}, m.said())
		want(t, []alert.JoinedSeries{{Rule: "r", Series: "b"}}, m.taken[0].Incident.Joined)
		o.Add(naming("b")) // the message names it already
		<-time.After(15 * time.Second)
		want(t, 1, len(m.said()))
		o.Add(joining("c"))
		o.Add(naming("b", "c"))
		<-time.After(15 * time.Second)
		want(t, []string{"firing a late 5s", "update a late 5s"}, m.said())
	})
}

func TestAnUpdateThatSaysMoreThanTheSeriesThatJoinedIsSent(t *testing.T) {
	for name, alter := range map[string]func(*alert.Transition){
		"the fault is reassessed": func(c *alert.Transition) { c.Incident.BlameChangedAt = c.At },
		"it became worse":         func(c *alert.Transition) { c.Incident.Severity = alert.Critical },
		"it is overdue":           func(c *alert.Transition) { c.Incident.Overdue = true },
		"it is a reminder":        func(c *alert.Transition) { c.Incident.JoinedAt = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger()
				o := deliverTo(t, m, 0)
				o.Add(change(alert.EventFiring, "a"))
				<-time.After(10 * time.Second)
				update := naming()
				alter(&update)
				o.Add(update)
				<-time.After(10 * time.Second)
				want(t, []string{"firing a", "update a"}, m.said())
			})
		})
	}
}
