package outbox

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"squarewatch/alert"
)

// heard notes what a destination has taken: it is owed no more, and later messages know of it. The caller holds mu.
func (l *lane) heard(taken []entry, ref string, ledger *ledger) {
	for i := range taken {
		e := &taken[i]
		if e.event == alert.EventTest {
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
	about := func(e entry) bool { return e.event != alert.EventTest && e.incident.ID == incident }
	return l.told[incident].event.Fires() || slices.ContainsFunc(l.queue.entries, about) || slices.ContainsFunc(l.flying, about)
}

// believes reports whether the destination believes that an incident fires, once it has received what waits for it. The
// caller holds mu.
func (l *lane) believes(incident string) bool {
	event := l.told[incident].event
	for _, e := range slices.Concat(l.flying, l.queue.entries) {
		if e.event != alert.EventTest && e.incident.ID == incident && !e.withdrawn {
			event = e.event
		}
	}
	return event.Fires()
}

// receive owes a transition to the destination where it concerns it. The end of an incident is for those that received that
// it fires, or soon will, even if the rule no longer names them, and for no other. The caller holds mu.
func (l *lane) receive(t alert.Transition, ledger *ledger) {
	named := len(t.Notify) == 0 || slices.Contains(t.Notify, l.name)
	switch {
	case t.Muted:
		if t.Event.Ends() {
			l.withdraw(t.Incident.ID, ledger)
			l.correct(t, ledger)
		}
	case t.Event.Ends() && l.expects(t.Incident.ID):
		if l.active {
			l.add(t, ledger)
		} else {
			l.believeOver(&t, ledger)
		}
	case !l.active || t.Event.Ends() && !t.Alone:
	case t.Reannounced && !named:
		l.withdraw(t.Incident.ID, ledger)
	case !named || t.Reannounced && l.believes(t.Incident.ID):
	default:
		l.add(t, ledger)
	}
}

// withdraw drops FIRING and UPDATE of an incident that wait and that nobody can have received: it is over while it is muted, or
// the rule no longer names this notifier. The caller holds mu.
func (l *lane) withdraw(incident string, ledger *ledger) {
	about := func(e *entry) bool { return e.drops() && e.incident.ID == incident }
	for _, id := range l.queue.withdraw(about) {
		ledger.drop(id)
	}
	for i := range l.flying {
		l.flying[i].withdrawn = l.flying[i].withdrawn || about(&l.flying[i])
	}
}

// correct folds the muted end of an incident into a FIRING of it that waits to be tried again though it may have arrived. The
// caller holds mu.
func (l *lane) correct(t alert.Transition, ledger *ledger) {
	if slices.ContainsFunc(l.queue.entries, func(e entry) bool { return e.event.Fires() && e.incident.ID == t.Incident.ID }) {
		l.add(t, ledger)
	}
}

// forsake returns what is to be tried again of what could not be delivered. What was withdrawn meanwhile is not, nor is the
// end of an incident that the destination then never received. The caller holds mu.
func (l *lane) forsake(taken []entry, ledger *ledger) (rest []entry) {
	for i := range taken {
		e := &taken[i]
		if !e.withdrawn {
			rest = append(rest, *e)
			continue
		}
		ledger.drop(e.id)
		for _, id := range l.queue.withdraw(func(end *entry) bool {
			return end.event.Ends() && end.incident.ID == e.incident.ID && !l.told[e.incident.ID].event.Fires()
		}) {
			ledger.drop(id)
		}
	}
	return rest
}

// dropMuted drops FIRING and UPDATE that are muted at now and that nobody can have received. When that ends, the engine announces what still fires.
func (l *lane) dropMuted(now time.Time) {
	muted := func(e *entry) bool { return e.muted() && e.drops() }
	l.mu.Lock()
	l.queue.mute(now, l.muting)
	found := slices.ContainsFunc(l.queue.entries, func(e entry) bool { return muted(&e) })
	l.mu.Unlock()
	if !found {
		return
	}
	l.commit(func(ledger *ledger) {
		for _, id := range l.queue.withdraw(muted) {
			ledger.drop(id)
		}
	})
}

// believeOver notes the end of an incident for a destination that is no longer there to hear of it. The caller holds mu.
func (l *lane) believeOver(t *alert.Transition, ledger *ledger) {
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
func (l *lane) firing() []alert.Incident {
	var list []alert.Incident
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
		ID: l.name + "-refresh", Notifier: l.name, At: now, Event: alert.EventUpdate, Told: alert.EventUpdate,
		Incident: all[0], Others: all[1:],
	}
}
