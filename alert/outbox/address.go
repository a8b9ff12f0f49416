package outbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"squarewatch/alert"
)

// Addressed is a notifier that identifies its address: the place to which its messages go. The outbox compares the address between
// configurations and processes. A new address has received nothing, so the outbox first announces the firing incidents to it.
type Addressed interface {
	Notifier
	// Address returns the [Fingerprint] of the address. It does not include what only authenticates the sender, such as a bot's token.
	Address() string
}

// Fingerprint returns a text that identifies an address and does not reveal it: 16 digits of a hash. Fingerprints are stored: if this
// function returned others, the outbox would announce every firing incident once more.
func Fingerprint(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		_, _ = hash.Write([]byte(strconv.Quote(part))) // quoted, so that two different lists of parts are different texts
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// senderKey identifies a sender: a notifier and the fingerprint of its address. The fingerprint is empty for a notifier that is not
// [Addressed], and for rows that a version without fingerprints stored.
type senderKey struct{ notifier, address string }

// keyOf returns the key of the sender for a destination.
func keyOf(notifier string, d Destination) senderKey {
	if addressed, ok := d.Notifier.(Addressed); ok {
		return senderKey{notifier: notifier, address: addressed.Address()}
	}
	return senderKey{notifier: notifier}
}

// senderLocked returns the sender of a key; a new one is not active. The caller holds mu.
func (o *Outbox) senderLocked(key senderKey) *sender {
	if o.senders[key] == nil {
		o.senders[key] = newSender(key, o)
	}
	return o.senders[key]
}

// sortedLocked returns all senders in a stable order. The caller holds mu.
func (o *Outbox) sortedLocked() []*sender {
	return slices.SortedFunc(maps.Values(o.senders), func(a, b *sender) int {
		return cmp.Or(cmp.Compare(a.key.notifier, b.key.notifier), cmp.Compare(a.key.address, b.key.address))
	})
}

// activeLocked returns the active sender of a notifier; nil for none. The caller holds mu.
func (o *Outbox) activeLocked(notifier string) *sender {
	for _, s := range o.senders {
		if s.active && s.key.notifier == notifier {
			return s
		}
	}
	return nil
}

// activeAtLocked returns the active sender that has the address of an inactive sender; nil for none. The caller holds mu.
func (o *Outbox) activeAtLocked(from *sender) *sender {
	if from.key.address == "" {
		return o.activeLocked(from.key.notifier)
	}
	for _, s := range o.sortedLocked() {
		if s.active && s.key.address == from.key.address {
			return s
		}
	}
	return nil
}

// handOverLocked moves what inactive senders hold to active ones. Receipts and waiting messages go to the active sender with the same
// address, even if its notifier has another name. When no active sender has that address, the receipts stay, because a later configuration
// may use the address again. The waiting messages then go to the notifier's new address, or are dropped when the configuration no longer
// has the notifier. Reports go where the waiting messages go. The caller holds mu.
func (o *Outbox) handOverLocked(changes *batch) {
	for _, from := range o.sortedLocked() {
		if from.active {
			continue
		}
		if to := o.activeAtLocked(from); to != nil {
			to.takeOverReceiptsLocked(from, changes)
			to.takeOverQueueLocked(from, changes)
			from.handOverReportsLocked(to, changes)
		} else if to := o.activeLocked(from.key.notifier); to != nil {
			for i := range from.queue.entries {
				from.queue.entries[i].uncertain = false // the new address has received nothing
			}
			to.takeOverQueueLocked(from, changes)
			from.handOverReportsLocked(to, changes)
		} else {
			from.dropQueueLocked(changes)
		}
	}
}

// takeOverReceiptsLocked takes over the receipts of another sender with the same address. Of two receipts of one incident, it keeps the
// newer. The caller holds mu.
func (s *sender) takeOverReceiptsLocked(from *sender, changes *batch) {
	for id, r := range from.receipts {
		if own, ok := s.receipts[id]; !ok || r.at.After(own.at) {
			s.putReceiptLocked(r, changes)
		}
		changes.receipts[receiptKey{sender: from.key, incident: id}] = nil
	}
	clear(from.receipts)
}

// takeOverQueueLocked takes over the waiting messages of another sender, except those that repeat what the destination received. The caller
// holds mu.
func (s *sender) takeOverQueueLocked(from *sender, changes *batch) {
	taken := from.queue.entries
	from.queue.entries = nil
	for i := range taken {
		changes.remove(taken[i].id)
	}
	for i := range taken {
		s.takeOverMessageLocked(&taken[i], changes)
	}
	s.wakeUp()
}

// takeOverMessageLocked queues a message of another sender, unless the destination has received the same. The caller holds mu.
func (s *sender) takeOverMessageLocked(e *entry, changes *batch) {
	shown := s.receipts[e.incident.ID].event
	if e.event == alert.EventFiring && shown.Fires() || e.event.Ends() && shown.Ends() {
		return
	}
	e.id, e.written = entryID(s.key, e.incident.ID, e.at, e.event), false
	if due := e.at.Add(s.destination.GroupWait); due.Before(e.notBefore) {
		e.notBefore = due // the delay after a refusal by the other address does not apply here
	}
	id := s.queue.join(e)
	s.putEntriesLocked(changes, id)
}
