package outbox

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"squarewatch/alert"
)

// recordDeliveredLocked removes delivered entries from the store and records a delivery and a receipt for each. The caller holds mu.
func (s *sender) recordDeliveredLocked(group []entry, ref string, begun, now time.Time, changes *batch) {
	for i := range group {
		e := &group[i]
		if e.event == alert.EventTest {
			continue
		}
		changes.remove(e.id)
		changes.deliveries = append(changes.deliveries, Delivery{
			Incident: e.incident.ID, Notifier: s.key.notifier, Event: e.eventFor(s.receipts), Queued: e.first, Delivered: now,
			Took: now.Sub(begun), Attempts: e.attempts, Ref: cmp.Or(ref, s.receipts[e.incident.ID].ref),
		})
		r := receipt{ref: cmp.Or(ref, s.receipts[e.incident.ID].ref), event: e.event, at: e.at, incident: e.incident}
		s.putReceiptLocked(r, changes)
		s.pruneReceiptsLocked(e.at)
	}
}

// putReceiptLocked records what the destination received last of an incident. The caller holds mu.
func (s *sender) putReceiptLocked(r receipt, changes *batch) {
	s.receipts[r.incident.ID] = r
	changes.receipts[receiptKey{sender: s.key, incident: r.incident.ID}] = &r
}

// concernsLocked reports whether the destination shows an incident as firing, or a message about the incident waits for it. The caller
// holds mu.
func (s *sender) concernsLocked(incident string) bool {
	about := func(e entry) bool { return e.event != alert.EventTest && e.incident.ID == incident }
	return s.receipts[incident].event.Fires() || slices.ContainsFunc(s.queue.entries, about) || slices.ContainsFunc(s.inFlight, about)
}

// showsFiringLocked reports whether the destination shows an incident as firing once it has received everything that waits. The caller
// holds mu.
func (s *sender) showsFiringLocked(incident string) bool {
	event := s.receipts[incident].event
	for _, e := range slices.Concat(s.inFlight, s.queue.entries) {
		if e.event != alert.EventTest && e.incident.ID == incident && !e.withdrawn {
			event = e.event
		}
	}
	return event.Fires()
}

// acceptLocked queues a transition if it concerns the destination. The end of an incident goes to destinations that received FIRING, or
// soon will, even if the rule no longer names them. Other destinations receive an end only if the transition is Alone. The caller holds
// mu.
func (s *sender) acceptLocked(t alert.Transition, changes *batch) {
	named := len(t.Notify) == 0 || slices.Contains(t.Notify, s.key.notifier)
	switch {
	case t.Event == alert.EventFiring && t.Incident.Leader != "":
		s.addJoinedLocked(&t.Incident, changes)
	case t.Muted:
		if t.Event.Ends() {
			s.withdrawLocked(t.Incident.ID, changes)
			s.correctLocked(t, changes)
		}
	case t.Event.Ends() && s.concernsLocked(t.Incident.ID):
		if s.active {
			s.enqueueLocked(t, changes)
		} else {
			s.recordEndLocked(&t, changes)
		}
	case !s.active || t.Event.Ends() && !t.Alone:
	case t.Reannounced && !named:
		s.withdrawLocked(t.Incident.ID, changes)
	case !named || t.Reannounced && s.showsFiringLocked(t.Incident.ID) || s.knowsJoinedLocked(&t):
	default:
		s.enqueueLocked(t, changes)
	}
}

// correctLocked queues the muted end of an incident when a FIRING or UPDATE of the incident waits to be tried again. The destination may
// have received that message, so the end is folded into it. The caller holds mu.
func (s *sender) correctLocked(t alert.Transition, changes *batch) {
	if slices.ContainsFunc(s.queue.entries, func(e entry) bool { return e.event.Fires() && e.incident.ID == t.Incident.ID }) {
		s.enqueueLocked(t, changes)
	}
}

// withdrawLocked drops waiting FIRING and UPDATE of an incident, unless the destination may have received them. Call it when the incident
// ended while muted, or when its rule no longer names this notifier. The caller holds mu.
func (s *sender) withdrawLocked(incident string, changes *batch) {
	about := func(e *entry) bool { return e.droppable() && e.incident.ID == incident }
	for _, id := range s.queue.withdraw(about) {
		changes.remove(id)
	}
	for i := range s.inFlight {
		s.inFlight[i].withdrawn = s.inFlight[i].withdrawn || about(&s.inFlight[i])
	}
}

// withoutWithdrawnLocked returns the undelivered entries that must be tried again. It drops the entries that were withdrawn during the
// attempt. It also drops the waiting ends of their incidents, unless the destination shows the incidents as firing. The caller holds mu.
func (s *sender) withoutWithdrawnLocked(group []entry, changes *batch) (rest []entry) {
	for i := range group {
		e := &group[i]
		if !e.withdrawn {
			rest = append(rest, *e)
			continue
		}
		changes.remove(e.id)
		for _, id := range s.queue.withdraw(func(end *entry) bool {
			return end.event.Ends() && end.incident.ID == e.incident.ID && !s.receipts[e.incident.ID].event.Fires()
		}) {
			changes.remove(id)
		}
	}
	return rest
}

// dropMuted drops FIRING and UPDATE that are muted at now, unless the destination may have received them. When the silence ends, the
// engine announces what still fires.
func (s *sender) dropMuted(now time.Time) {
	muted := func(e *entry) bool { return e.muted() && e.droppable() }
	s.mu.Lock()
	s.queue.updateMuted(now, s.muting)
	found := slices.ContainsFunc(s.queue.entries, func(e entry) bool { return muted(&e) })
	s.mu.Unlock()
	if !found {
		return
	}
	var dropped []string
	s.commit(func(changes *batch) {
		for i := range s.queue.entries {
			if e := &s.queue.entries[i]; muted(e) {
				dropped = append(dropped, e.incident.ID)
			}
		}
		for _, id := range s.queue.withdraw(muted) {
			changes.remove(id)
		}
	})
	s.reportDropped(dropped)
}

// reportDropped calls Options.Dropped for the incidents that no notifier shows as firing.
func (o *Outbox) reportDropped(incidents []string) {
	if o.options.Dropped == nil || len(incidents) == 0 {
		return
	}
	o.mu.Lock()
	unknown := slices.DeleteFunc(incidents, func(incident string) bool {
		for _, s := range o.senders {
			if s.showsFiringLocked(incident) {
				return true
			}
		}
		return false
	})
	o.mu.Unlock()
	for _, incident := range unknown {
		o.options.Dropped(incident)
	}
}

// recordEndLocked records the end of an incident for a notifier that was removed, so that the notifier does not continue the incident
// when it is added again. The caller holds mu.
func (s *sender) recordEndLocked(t *alert.Transition, changes *batch) {
	s.putReceiptLocked(receipt{ref: s.receipts[t.Incident.ID].ref, event: t.Event, at: t.At, incident: t.Incident}, changes)
}

// maxReceipts limits the receipts of a sender. With that many, it drops those of incidents that ended more than reopenPeriod ago.
const maxReceipts = 1000

// pruneReceiptsLocked drops receipts of incidents that can no longer reopen. The caller holds mu.
func (s *sender) pruneReceiptsLocked(now time.Time) {
	if len(s.receipts) < maxReceipts {
		return
	}
	maps.DeleteFunc(s.receipts, func(_ string, r receipt) bool {
		return r.event.Ends() && now.Sub(r.at) > reopenPeriod
	})
}

// refreshDueLocked returns when firing incidents must be repeated; false when the notifier is not a [Refresher], or when nothing fires.
// The caller holds mu.
func (s *sender) refreshDueLocked() (time.Time, bool) {
	refresher, ok := s.destination.Notifier.(Refresher)
	if !ok || len(s.firingLocked()) == 0 {
		return time.Time{}, false
	}
	if s.lastRefresh.IsZero() {
		s.lastRefresh = time.Now()
	}
	return s.lastRefresh.Add(refresher.RefreshEvery()), true
}

// firingLocked returns the incidents that the destination shows as firing, ordered by identifier. The caller holds mu.
func (s *sender) firingLocked() []alert.Incident {
	var list []alert.Incident
	for _, id := range slices.Sorted(maps.Keys(s.receipts)) {
		if r := s.receipts[id]; !r.event.Ends() {
			list = append(list, r.incident)
		}
	}
	return list
}

// refreshLocked returns a message that repeats everything that fires. The caller holds mu.
func (s *sender) refreshLocked(now time.Time) Notification {
	all := s.firingLocked()
	return Notification{
		ID: s.key.notifier + "-refresh", Notifier: s.key.notifier, At: now, Event: alert.EventUpdate,
		Incident: all[0], Others: all[1:],
	}
}
