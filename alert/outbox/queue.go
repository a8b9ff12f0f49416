package outbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"squarewatch/alert"
)

const (
	// maxEntries limits the memory of a long outage. A queue of that many changes folds all further changes of a series into one entry.
	maxEntries = 1000
	// groupLateAfter is how long a change waits before it is grouped with every other change of its rule and event, whenever that
	// other change happened.
	groupLateAfter = time.Minute
)

// entry is a change of one incident that is not delivered to one destination yet.
type entry struct {
	id         string // key of its row in the store
	written    bool   // the store has its latest version, or the write failed: it may be sent
	digest     string
	event      alert.Event
	incident   alert.Incident
	at         time.Time // when the change happened
	first      time.Time // when the first change that it includes happened
	folded     int       // number of earlier changes that it includes
	attempts   int       // number of attempts of this process to deliver it
	notBefore  time.Time // it is not sent before this time
	mutedUntil time.Time // when the silence that mutes it ends; zero when nothing mutes it

	withdrawn bool // withdrawn during the delivery: it is not tried again if that fails
	uncertain bool // the destination may have received it, so it must receive how the incident ends
}

// muted reports whether a silence or maintenance holds the entry back, as of the last updateMuted.
func (e *entry) muted() bool { return !e.mutedUntil.IsZero() }

// seriesKey identifies a series of a rule.
type seriesKey struct{ rule, series string }

// queue holds the entries of one destination, ordered by the first undelivered change of each incident. It does no I/O and has no lock.
type queue struct{ entries []entry }

// add queues a change and returns the identifier of its entry. If a change of the same incident waits already, the new change is folded
// into that entry.
func (q *queue) add(t alert.Transition, sender senderKey, groupWait time.Duration) string {
	e := entry{
		id:     entryID(sender, t.Incident.ID, t.At, t.Event),
		digest: t.Digest, event: t.Event, incident: t.Incident, at: t.At, first: t.At, notBefore: t.At.Add(groupWait),
		written: t.Event == alert.EventTest, // a test message is not stored: the person who sends it waits for the result
	}
	if i := q.find(&e); i >= 0 {
		q.entries[i].fold(&e)
		return q.entries[i].id
	}
	q.entries = append(q.entries, e)
	return e.id
}

// entryID returns the identifier of an entry.
func entryID(sender senderKey, incident string, at time.Time, event alert.Event) string {
	return fmt.Sprintf("%s@%s/%s/%d/%s", sender.notifier, sender.address, incident, at.UnixNano(), event)
}

// join queues an entry of another queue, and returns the identifier of the entry that holds it. Of two entries of one incident, the newer
// is folded into the older.
func (q *queue) join(e *entry) string {
	i := q.find(e)
	if i < 0 {
		q.entries = append(q.entries, *e)
		return e.id
	}
	own := &q.entries[i]
	if e.at.Before(own.at) {
		older := *e
		older.id = own.id
		older.fold(own)
		*own = older
		return own.id
	}
	own.fold(e)
	return own.id
}

// markWritten marks an entry as written to the store.
func (q *queue) markWritten(id string) {
	if i := slices.IndexFunc(q.entries, func(e entry) bool { return e.id == id }); i >= 0 {
		q.entries[i].written = true
	}
}

// droppable reports whether the entry can be dropped: the destination cannot have received it, and a later message replaces it.
func (e *entry) droppable() bool { return e.event.Fires() && !e.uncertain }

// updateMuted computes which entries are muted at now. An entry that cannot be dropped waits for the end of the silence. That wait does
// not make it late, and all entries held back by one silence become one message.
func (q *queue) updateMuted(now time.Time, muting *alert.Muting) {
	for i := range q.entries {
		e := &q.entries[i]
		if e.event == alert.EventTest {
			continue
		}
		if e.mutedUntil = muting.Until(&e.incident, now); e.muted() && !e.droppable() {
			e.first, e.digest = e.mutedUntil, alert.UnmuteDigest(e.mutedUntil)
		}
	}
}

// withdraw removes the entries that match and returns their identifiers.
func (q *queue) withdraw(match func(*entry) bool) (gone []string) {
	q.entries = slices.DeleteFunc(q.entries, func(e entry) bool {
		if !match(&e) {
			return false
		}
		gone = append(gone, e.id)
		return true
	})
	return gone
}

// find returns the index of the entry into which a newer change is folded; -1 for none.
func (q *queue) find(e *entry) int {
	if e.event == alert.EventTest {
		return -1
	}
	return slices.IndexFunc(q.entries, func(other entry) bool {
		sameSeries := other.incident.Rule == e.incident.Rule && other.incident.Series == e.incident.Series
		return other.event != alert.EventTest && sameSeries && (other.incident.ID == e.incident.ID || len(q.entries) >= maxEntries)
	})
}

// fold adds a newer change to an entry. An entry whose FIRING was not delivered stays FIRING when an UPDATE is added. An entry whose
// incident ended becomes RESOLVED or ENDED: that message says how long the incident fired.
func (e *entry) fold(newer *entry) {
	if newer.event != alert.EventUpdate || e.event.Ends() {
		e.event = newer.event
	}
	e.incident, e.at, e.digest, e.written = newer.incident, newer.at, newer.digest, false
	e.folded += newer.folded + 1
}

// next returns when the first entry may be sent; false when nothing waits.
func (q *queue) next() (time.Time, bool) {
	first, found := time.Time{}, false
	for _, i := range q.sendable() {
		e := &q.entries[i]
		at := e.notBefore
		if !e.droppable() { // a muted entry that can be dropped is dropped when it is due
			at = later(at, e.mutedUntil)
		}
		if !found || at.Before(first) {
			first, found = at, true
		}
	}
	return first, found
}

// sendable returns the indexes of the entries that may be sent next: the first of each series, once the store has it. Changes of one
// series stay in order, so that the last message shows the newest state.
func (q *queue) sendable() []int {
	var list []int
	seen := make(map[seriesKey]bool, len(q.entries))
	for i := range q.entries {
		e := &q.entries[i]
		key := seriesKey{rule: e.incident.Rule, series: e.incident.Series}
		if e.written && (!seen[key] || e.event == alert.EventTest) {
			list = append(list, i)
		}
		seen[key] = true
	}
	return list
}

// pop removes the first entry that may be sent at now, together with the entries that share its message; empty for none.
func (q *queue) pop(now time.Time, groupWait time.Duration, receipts map[string]receipt) []entry {
	i := -1
	for _, k := range q.sendable() {
		if !q.entries[k].muted() && !q.entries[k].notBefore.After(now) {
			i = k
			break
		}
	}
	if i < 0 {
		return nil
	}
	head := q.entries[i]
	group := []entry{head}
	rest := make([]entry, 0, len(q.entries)-1)
	stays := map[seriesKey]bool{} // series with an earlier entry that stays in the queue: their order must be kept
	for j := range q.entries {
		e := &q.entries[j]
		key := seriesKey{rule: e.incident.Rule, series: e.incident.Series}
		switch {
		case j == i:
		case !stays[key] && head.groupsWith(e, now, groupWait) && head.sameMessage(e, receipts):
			group = append(group, *e)
		default:
			stays[key] = true
			rest = append(rest, *e)
		}
	}
	q.entries = rest
	return group
}

// eventFor returns the event that a destination with these receipts must see. FIRING becomes UPDATE if the destination already shows the
// incident as firing: it did not receive the end in between. UPDATE becomes FIRING if the destination never received FIRING.
func (e *entry) eventFor(receipts map[string]receipt) alert.Event {
	switch shown := receipts[e.incident.ID].event.Fires(); {
	case e.event == alert.EventFiring && shown:
		return alert.EventUpdate
	case e.event == alert.EventUpdate && !shown:
		return alert.EventFiring
	}
	return e.event
}

// sameMessage reports whether two entries have the same event for the destination, and reply to the same earlier message.
func (e *entry) sameMessage(other *entry, receipts map[string]receipt) bool {
	return e.eventFor(receipts) == other.eventFor(receipts) && receipts[e.incident.ID].ref == receipts[other.incident.ID].ref
}

// groupsWith reports whether one message may report both entries.
func (e *entry) groupsWith(other *entry, now time.Time, groupWait time.Duration) bool {
	if e.event == alert.EventTest || e.event != other.event || !other.written || other.muted() {
		return false
	}
	if e.digest != "" && e.digest == other.digest {
		return true
	}
	if e.incident.Rule != other.incident.Rule {
		return false
	}
	return now.Sub(e.first) >= groupLateAfter || other.at.Sub(e.at).Abs() <= groupWait && groupWait > 0
}

// putBack returns entries that could not be sent to the front of the queue; they are not sent before notBefore. It returns the
// identifiers of entries that were folded into an earlier one, and of the entries that include them now.
func (q *queue) putBack(group []entry, notBefore time.Time) (gone, changed []string) {
	since := q.entries
	q.entries = group
	for i := range q.entries {
		q.entries[i].notBefore = notBefore
	}
	for i := range since {
		if j := q.find(&since[i]); j >= 0 {
			q.entries[j].fold(&since[i])
			gone, changed = append(gone, since[i].id), append(changed, q.entries[j].id)
		} else {
			q.entries = append(q.entries, since[i])
		}
	}
	return gone, changed
}

// releaseAll makes every entry due at now.
func (q *queue) releaseAll(now time.Time) {
	for i := range q.entries {
		q.entries[i].notBefore = now
	}
}

// oldestChange returns when the first undelivered change happened; zero for none.
func oldestChange(entries []entry) time.Time {
	first := time.Time{}
	for i := range entries {
		if at := entries[i].first; first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}

// newNotification returns the message of some entries, for a destination with these receipts.
func newNotification(group []entry, notifier string, receipts map[string]receipt, now time.Time) Notification {
	head := &group[0]
	before := receipts[head.incident.ID]
	n := Notification{
		ID:       fmt.Sprintf("%s-%s-%d-%s", head.incident.ID, head.event, head.at.UnixNano(), notifier),
		Notifier: notifier, At: head.at, Event: head.eventFor(receipts), Incident: head.incident,
		Late: max(now.Sub(head.first), 0), Folded: head.folded, Ref: before.ref,
	}
	with := map[string]bool{head.incident.ID: true}
	for i := range group[1:] {
		n.Others = append(n.Others, group[i+1].incident)
		with[group[i+1].incident.ID] = true
	}
	if n.Ref != "" {
		for _, id := range slices.Sorted(maps.Keys(receipts)) {
			if receipts[id].ref == n.Ref && !with[id] {
				n.Group = append(n.Group, receipts[id].incident)
			}
		}
	}
	return n
}
