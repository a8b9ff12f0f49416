package outbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"squarewatch/alert"
)

const (
	// crowded is how many changes may wait for one destination before those of a series replace each other, so that a
	// day without the destination needs no more memory than there are series.
	crowded = 1000
	// pileUp is how long a change must have waited before others of its rule and event join it however far apart they were.
	pileUp = time.Minute
)

// entry is a change of one incident that one destination has not been told.
type entry struct {
	id       string // of its row in the store
	kept     bool   // the store has it as it is now, or has failed: it may be sent
	digest   string
	event    alert.Event
	incident alert.Incident
	at       time.Time // of the change
	first    time.Time // of the first change that it stands for
	folded   int       // earlier changes that it stands for
	hold     time.Time // it is not sent before
	until    time.Time // when what mutes it now is over; zero when nothing does

	withdrawn bool // while it was being delivered: if that fails it is not tried again
	uncertain bool // the destination may have it already, so that it must be told how the incident ends
}

// muted reports whether a silence or maintenance holds it back, as of the last look.
func (e *entry) muted() bool { return !e.until.IsZero() }

// seriesKey names a series of a rule.
type seriesKey struct{ rule, series string }

// queue holds what one destination is owed, in the order of the incidents' first untold changes. It is pure data.
type queue struct{ entries []entry }

// add takes a change and returns the identifier of the entry that tells it. What is not yet told of the same incident is
// folded into it: people hear of the latest state, once.
func (q *queue) add(t alert.Transition, notifier string, groupWait time.Duration) string {
	e := entry{
		id:     fmt.Sprintf("%s/%s/%d/%s", notifier, t.Incident.ID, t.At.UnixNano(), t.Event),
		digest: t.Digest, event: t.Event, incident: t.Incident, at: t.At, first: t.At, hold: t.At.Add(groupWait),
		kept: t.Event == alert.EventTest, // who asked for it waits for it: it is in no store
	}
	if i := q.find(&e); i >= 0 {
		q.entries[i].fold(&e)
		return q.entries[i].id
	}
	q.entries = append(q.entries, e)
	return e.id
}

// keep marks an entry as written.
func (q *queue) keep(id string) {
	if i := slices.IndexFunc(q.entries, func(e entry) bool { return e.id == id }); i >= 0 {
		q.entries[i].kept = true
	}
}

// drops reports whether the entry can be dropped, since nobody can have received it and a later message makes up for it.
func (e *entry) drops() bool { return e.event.Fires() && !e.uncertain }

// mute notes what is muted at now. What cannot be dropped waits for the end of the silence: it is not late by that, and it is
// one message with the others of that silence.
func (q *queue) mute(now time.Time, muting *alert.Muting) {
	for i := range q.entries {
		e := &q.entries[i]
		if e.event == alert.EventTest {
			continue
		}
		if e.until = muting.Until(&e.incident, now); e.muted() && !e.drops() {
			e.first, e.digest = e.until, alert.UnmuteDigest(e.until)
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

// find returns the entry that a newer change is folded into; -1 for none.
func (q *queue) find(e *entry) int {
	if e.event == alert.EventTest {
		return -1
	}
	return slices.IndexFunc(q.entries, func(other entry) bool {
		sameSeries := other.incident.Rule == e.incident.Rule && other.incident.Series == e.incident.Series
		return other.event != alert.EventTest && sameSeries && (other.incident.ID == e.incident.ID || len(q.entries) >= crowded)
	})
}

// fold makes an entry tell a newer change as well. An incident that nobody heard of is new even when it is only a reminder
// that is added; one that is over by now is told as such, since its message says how long it fired.
func (e *entry) fold(newer *entry) {
	if newer.event != alert.EventUpdate || e.event.Ends() {
		e.event = newer.event
	}
	e.incident, e.at, e.digest, e.kept = newer.incident, newer.at, newer.digest, false
	e.folded += newer.folded + 1
}

// next returns when the first entry may be sent; false when nothing waits.
func (q *queue) next() (time.Time, bool) {
	first, found := time.Time{}, false
	for _, i := range q.firsts() {
		e := &q.entries[i]
		at := e.hold
		if !e.drops() { // anything else that is muted is dropped when it is due
			at = later(at, e.until)
		}
		if !found || at.Before(first) {
			first, found = at, true
		}
	}
	return first, found
}

// firsts returns which entries may go next: of each series the first, once the store has it. Nothing of a series overtakes
// what is older, or the last word on it would be a wrong one.
func (q *queue) firsts() []int {
	var list []int
	seen := make(map[seriesKey]bool, len(q.entries))
	for i := range q.entries {
		e := &q.entries[i]
		key := seriesKey{e.incident.Rule, e.incident.Series}
		if e.kept && (!seen[key] || e.event == alert.EventTest) {
			list = append(list, i)
		}
		seen[key] = true
	}
	return list
}

// take removes the first entry that may be sent at now, and those that one message tells with it; empty for none.
func (q *queue) take(now time.Time, groupWait time.Duration, told map[string]toldOf) []entry {
	i := -1
	for _, k := range q.firsts() {
		if !q.entries[k].muted() && !q.entries[k].hold.After(now) {
			i = k
			break
		}
	}
	if i < 0 {
		return nil
	}
	head := q.entries[i]
	taken := []entry{head}
	rest := make([]entry, 0, len(q.entries)-1)
	stays := map[seriesKey]bool{} // series of which something earlier stays: nothing of them may overtake it
	for j := range q.entries {
		e := &q.entries[j]
		key := seriesKey{e.incident.Rule, e.incident.Series}
		switch {
		case j == i:
		case !stays[key] && head.joins(e, now, groupWait) && head.alike(e, told):
			taken = append(taken, *e)
		default:
			stays[key] = true
			rest = append(rest, *e)
		}
	}
	q.entries = rest
	return taken
}

// says returns what an entry tells a destination that was told so far: an incident that people believe to fire is not new,
// since they were never told that it was over for a while, and one that they never received is.
func (e *entry) says(told map[string]toldOf) alert.Event {
	switch known := told[e.incident.ID].event.Fires(); {
	case e.event == alert.EventFiring && known:
		return alert.EventUpdate
	case e.event == alert.EventUpdate && !known:
		return alert.EventFiring
	}
	return e.event
}

// alike reports whether the destination takes both for the same kind of news, in the same place.
func (e *entry) alike(other *entry, told map[string]toldOf) bool {
	return e.says(told) == other.says(told) && told[e.incident.ID].ref == told[other.incident.ID].ref
}

// joins reports whether one message tells both.
func (e *entry) joins(other *entry, now time.Time, groupWait time.Duration) bool {
	if e.event == alert.EventTest || e.event != other.event || !other.kept || other.muted() {
		return false
	}
	if e.digest != "" && e.digest == other.digest {
		return true
	}
	if e.incident.Rule != other.incident.Rule {
		return false
	}
	return now.Sub(e.first) >= pileUp || other.at.Sub(e.at).Abs() <= groupWait && groupWait > 0
}

// restore puts back what could not be sent, in front of what came since, and not to be sent before hold. It returns the
// identifiers of entries that became one with an earlier one, and of those that tell them now.
func (q *queue) restore(taken []entry, hold time.Time) (gone, changed []string) {
	since := q.entries
	q.entries = taken
	for i := range q.entries {
		q.entries[i].hold = hold
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

// release lets everything be sent at now that only waits for company.
func (q *queue) release(now time.Time) {
	for i := range q.entries {
		q.entries[i].hold = now
	}
}

// oldest returns when the first untold change happened; zero for none.
func oldest(entries []entry) time.Time {
	first := time.Time{}
	for i := range entries {
		if at := entries[i].first; first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}

// message makes the notification of what was taken, for a destination that was told so far.
func message(taken []entry, notifier string, told map[string]toldOf, now time.Time) Notification {
	head := &taken[0]
	before := told[head.incident.ID]
	n := Notification{
		ID:       fmt.Sprintf("%s-%s-%d-%s", head.incident.ID, head.event, head.at.UnixNano(), notifier),
		Notifier: notifier, At: head.at, Event: head.says(told), Incident: head.incident,
		Late: max(now.Sub(head.first), 0), Folded: head.folded, Ref: before.ref, Told: before.event,
	}
	with := map[string]bool{head.incident.ID: true}
	for i := range taken[1:] {
		n.Others = append(n.Others, taken[i+1].incident)
		with[taken[i+1].incident.ID] = true
	}
	if n.Ref != "" {
		for _, id := range slices.Sorted(maps.Keys(told)) {
			if told[id].ref == n.Ref && !with[id] {
				n.Group = append(n.Group, told[id].incident)
			}
		}
	}
	return n
}
