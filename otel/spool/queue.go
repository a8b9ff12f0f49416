package spool

// held is a batch that the disk has refused.
type held struct {
	entry
	file []byte
}

// queue knows what waits, oldest first: all of stored, then all of held. It does no I/O; [Client] guards it by a mutex.
type queue struct {
	stored  []entry // on disk
	held    []held  // in memory
	onDisk  int64   // bytes of stored
	inUse   int64   // bytes of held
	dropped int64   // spans
	loss    error   // why the last of them were dropped

	sending   uint64 // sequence of the batch that is on its way; 0 for none
	displaced bool   // that one has been pushed out: whether its spans are dropped is known when the collector has answered
}

func (q *queue) waiting() int { return len(q.stored) + len(q.held) }

// oldest returns the sequence of the oldest batch.
func (q *queue) oldest() (uint64, bool) {
	switch {
	case len(q.stored) > 0:
		return q.stored[0].sequence, true
	case len(q.held) > 0:
		return q.held[0].sequence, true
	default:
		return 0, false
	}
}

// next returns the oldest batch, which is on its way from now on. It has no file when that is on disk.
func (q *queue) next() (held, bool) {
	sequence, ok := q.oldest()
	if !ok {
		return held{}, false
	}
	q.sending, q.displaced = sequence, false
	if len(q.stored) > 0 {
		return held{entry: q.stored[0]}, true
	}
	return q.held[0], true
}

// returned ends the way of a batch that did not arrive: it waits on, unless it has been pushed out.
func (q *queue) returned(e entry, reason error) {
	if q.displaced {
		q.drop(e.spans, reason)
	}
	q.sending = 0
}

// arrived ends the way of a batch that will not be sent again, and reports whether its file is to be removed.
func (q *queue) arrived(e entry) (stored bool) {
	q.sending = 0
	if first, ok := q.oldest(); !ok || first != e.sequence {
		return false // pushed out
	}
	if len(q.stored) > 0 {
		q.popStored()
		return true
	}
	q.popHeld()
	return false
}

func (q *queue) store(e entry) {
	q.stored = append(q.stored, e)
	q.onDisk += e.size
}

func (q *queue) hold(h held) {
	q.held = append(q.held, h)
	q.inUse += h.size
}

// moved takes the oldest that is held as stored; it reports false when that one is not held any more.
func (q *queue) moved(e entry) bool {
	if len(q.held) == 0 || q.held[0].sequence != e.sequence {
		return false
	}
	q.popHeld()
	q.store(e)
	return true
}

// pushStored makes room on disk and returns whose files are to be removed.
func (q *queue) pushStored(room, limit int64, reason error) (pushed []entry) {
	for len(q.stored) > 0 && q.onDisk+room > limit {
		e := q.popStored()
		q.push(e, reason)
		pushed = append(pushed, e)
	}
	return pushed
}

// pushHeld makes room in memory and returns how many batches went.
func (q *queue) pushHeld(limit int64, reason error) (pushed int) {
	for len(q.held) > 0 && q.inUse > limit {
		q.push(q.popHeld(), reason)
		pushed++
	}
	return pushed
}

func (q *queue) push(e entry, reason error) {
	if e.sequence == q.sending {
		q.displaced = true
		return
	}
	q.drop(e.spans, reason)
}

func (q *queue) drop(spans int64, reason error) {
	q.dropped += spans
	q.loss = reason
}

func (q *queue) popStored() entry {
	e := q.stored[0]
	q.stored = q.stored[1:]
	q.onDisk -= e.size
	return e
}

func (q *queue) popHeld() entry {
	e := q.held[0].entry
	q.held[0] = held{} // lets go of its file
	q.held = q.held[1:]
	q.inUse -= e.size
	return e
}

// youngest returns the sequence of the last batch that waits, or 0.
func (q *queue) youngest() uint64 {
	switch {
	case len(q.held) > 0:
		return q.held[len(q.held)-1].sequence
	case len(q.stored) > 0:
		return q.stored[len(q.stored)-1].sequence
	default:
		return 0
	}
}
