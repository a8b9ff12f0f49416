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

	from, to  uint64  // sequences of the first and the last batch that are on their way; 0 for none
	displaced []entry // of them have been pushed out: whether their spans are dropped is known when the collector has answered
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

// next returns the oldest batches, which are on their way from now on: as many from disk as fit into the limits, at least
// one. One has no file when that is on disk.
func (q *queue) next(batches int, size int64) (group []held) {
	for _, e := range q.stored {
		if len(group) > 0 && (len(group) >= batches || size < e.size) {
			break
		}
		size -= e.size
		group = append(group, held{entry: e})
	}
	if len(group) == 0 && len(q.held) > 0 {
		group = append(group, q.held[0])
	}
	if len(group) > 0 {
		q.from, q.to, q.displaced = group[0].sequence, group[len(group)-1].sequence, nil
	}
	return group
}

// shorten takes back those on their way that are younger than the given one.
func (q *queue) shorten(last uint64) {
	q.to = last
	kept := q.displaced[:0]
	for _, e := range q.displaced {
		if e.sequence <= last {
			kept = append(kept, e)
			continue
		}
		q.drop(e.spans, errFull)
	}
	q.displaced = kept
}

// returned ends the way of batches that did not arrive: they wait on, but for those that have been pushed out.
func (q *queue) returned(reason error) {
	for _, e := range q.displaced {
		q.drop(e.spans, reason)
	}
	q.from, q.to, q.displaced = 0, 0, nil
}

// arrived ends the way of batches that will not be sent again, and returns those whose files are to be removed.
func (q *queue) arrived() (stored []entry) {
	for len(q.stored) > 0 && q.stored[0].sequence <= q.to {
		stored = append(stored, q.popStored())
	}
	if len(q.stored) == 0 && len(q.held) > 0 && q.held[0].sequence <= q.to {
		q.popHeld()
	}
	q.from, q.to, q.displaced = 0, 0, nil
	return stored
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
	if q.from <= e.sequence && e.sequence <= q.to {
		q.displaced = append(q.displaced, e)
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
