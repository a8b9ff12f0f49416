package alert

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// heard notes what a destination has taken: it is owed no more, and later messages know of it. The caller holds mu.
func (l *lane) heard(taken []entry, ref string, ledger *ledger) {
	for i := range taken {
		e := &taken[i]
		if e.event == EventTest {
			continue
		}
		ledger.drop(e.id)
		told := toldOf{ref: cmp.Or(ref, l.told[e.incident.ID].ref), event: e.event, at: e.at, incident: e.incident}
		l.told[e.incident.ID] = told
		ledger.told[toldKey{l.name, e.incident.ID}] = told
		l.forget(e.at)
	}
}

// expects reports whether the destination believes that an incident fires, or is owed a message of it. The caller holds mu.
func (l *lane) expects(incident string) bool {
	about := func(e entry) bool { return e.event != EventTest && e.incident.ID == incident }
	return l.told[incident].event.fires() || slices.ContainsFunc(l.queue.entries, about) || slices.ContainsFunc(l.flying, about)
}

// believeOver notes the end of an incident for a destination that is no longer there to hear of it. The caller holds mu.
func (l *lane) believeOver(t *Transition, ledger *ledger) {
	over := toldOf{ref: l.told[t.Incident.ID].ref, event: t.Event, at: t.At, incident: t.Incident}
	l.told[t.Incident.ID] = over
	ledger.told[toldKey{l.name, t.Incident.ID}] = over
}

// toldKept is how many incidents a lane remembers before it forgets those that were over long ago.
const toldKept = 1000

// forget drops incidents from memory that can no longer go on.
func (l *lane) forget(now time.Time) {
	if len(l.told) < toldKept {
		return
	}
	maps.DeleteFunc(l.told, func(_ string, told toldOf) bool {
		return told.event.Ends() && now.Sub(told.at) > keptAfterwards
	})
}

// refreshDue returns when what fires is to be repeated; false when the destination does not forget, or nothing fires. The
// caller holds mu.
func (l *lane) refreshDue() (time.Time, bool) {
	refresher, ok := l.destination.Notifier.(Refresher)
	if !ok || len(l.firing()) == 0 {
		return time.Time{}, false
	}
	if l.refreshed.IsZero() {
		l.refreshed = time.Now()
	}
	return l.refreshed.Add(refresher.RefreshEvery()), true
}

// firing returns what the destination was told as firing, in a fixed order.
func (l *lane) firing() []Incident {
	var list []Incident
	for _, id := range slices.Sorted(maps.Keys(l.told)) {
		if told := l.told[id]; !told.event.Ends() {
			list = append(list, told.incident)
		}
	}
	return list
}

// refresh makes the notification that repeats what fires. The caller holds mu.
func (l *lane) refresh(now time.Time) Notification {
	all := l.firing()
	return Notification{
		ID: l.name + "-refresh", Notifier: l.name, At: now, Event: EventUpdate, Told: EventUpdate,
		Incident: all[0], Others: all[1:],
	}
}
