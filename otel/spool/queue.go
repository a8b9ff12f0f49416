package spool

// batch is a batch of spans and, unless it is on disk, its file.
type batch struct {
	entry
	file []byte // nil when the batch is on disk
}

// queue lists the batches that wait, oldest first: those on disk, then those in memory, which are newer. It does no I/O. [Client]
// guards it by a mutex.
type queue struct {
	onDisk      []entry
	inMemory    []batch
	diskBytes   int64 // of onDisk
	memoryBytes int64 // of inMemory

	dropped    int64 // spans
	dropReason error // of the last drop

	// The oldest batches are being sent together. These fields are their first and last sequence, or zero. A batch that is evicted
	// meanwhile goes to evicted, because only the collector's response tells whether its spans are lost.
	sendingFirst, sendingLast uint64
	evicted                   []entry
}

// length returns how many batches wait.
func (q *queue) length() int { return len(q.onDisk) + len(q.inMemory) }

// oldest returns the sequence of the oldest batch. It returns false if no batch waits.
func (q *queue) oldest() (uint64, bool) {
	switch {
	case len(q.onDisk) > 0:
		return q.onDisk[0].sequence, true
	case len(q.inMemory) > 0:
		return q.inMemory[0].sequence, true
	default:
		return 0, false
	}
}

// newest returns the sequence of the newest batch, or 0 if no batch waits.
func (q *queue) newest() uint64 {
	switch {
	case len(q.inMemory) > 0:
		return q.inMemory[len(q.inMemory)-1].sequence
	case len(q.onDisk) > 0:
		return q.onDisk[len(q.onDisk)-1].sequence
	default:
		return 0
	}
}

// startSending returns the oldest batches, which are being sent from now on: as many from disk as fit into both limits, but at least
// one, or one from memory.
func (q *queue) startSending(maxBatches int, maxBytes int64) (group []batch) {
	for _, e := range q.onDisk {
		if len(group) > 0 && (len(group) >= maxBatches || maxBytes < e.size) {
			break
		}
		maxBytes -= e.size
		group = append(group, batch{entry: e})
	}
	if len(group) == 0 && len(q.inMemory) > 0 {
		group = append(group, q.inMemory[0])
	}
	if len(group) > 0 {
		q.sendingFirst, q.sendingLast, q.evicted = group[0].sequence, group[len(group)-1].sequence, nil
	}
	return group
}

// shortenSending excludes the batches after the given sequence from those that are being sent.
func (q *queue) shortenSending(last uint64) {
	q.sendingLast = last
	kept := q.evicted[:0]
	for _, e := range q.evicted {
		if e.sequence <= last {
			kept = append(kept, e)
			continue
		}
		q.drop(e.spans, errFull)
	}
	q.evicted = kept
}

// sendingFailed ends the sending of batches that must be sent again. They stay in the queue, except those that were evicted meanwhile.
func (q *queue) sendingFailed(reason error) {
	for _, e := range q.evicted {
		q.drop(e.spans, reason)
	}
	q.sendingFirst, q.sendingLast, q.evicted = 0, 0, nil
}

// sendingDone ends the sending of batches that will not be sent again. It returns those whose files must be removed.
func (q *queue) sendingDone() (removed []entry) {
	kept := 0 // batches of an earlier process, queued since the sending began, because the directory was opened late
	for kept < len(q.onDisk) && q.onDisk[kept].sequence < q.sendingFirst {
		kept++
	}
	older := q.onDisk[:kept:kept]
	q.onDisk = q.onDisk[kept:]
	for len(q.onDisk) > 0 && q.onDisk[0].sequence <= q.sendingLast {
		removed = append(removed, q.popDisk())
	}
	if kept > 0 {
		q.onDisk = append(older, q.onDisk...)
	}
	if len(q.inMemory) > 0 && q.inMemory[0].sequence <= q.sendingLast {
		q.popMemory()
	}
	q.sendingFirst, q.sendingLast, q.evicted = 0, 0, nil
	return removed
}

func (q *queue) addOnDisk(e entry) {
	q.onDisk = append(q.onDisk, e)
	q.diskBytes += e.size
}

func (q *queue) addInMemory(b batch) {
	q.inMemory = append(q.inMemory, b)
	q.memoryBytes += b.size
}

// moveToDisk moves the oldest batch in memory, which must be e, to those on disk. It returns false if e is no longer in memory.
func (q *queue) moveToDisk(e entry) bool {
	if len(q.inMemory) == 0 || q.inMemory[0].sequence != e.sequence {
		return false
	}
	q.popMemory()
	q.addOnDisk(e)
	return true
}

// evictDisk makes room for the given bytes on disk. It returns the batches whose files must be removed.
func (q *queue) evictDisk(room, limit int64, reason error) (removed []entry) {
	for len(q.onDisk) > 0 && q.diskBytes+room > limit {
		e := q.popDisk()
		q.evict(e, reason)
		removed = append(removed, e)
	}
	return removed
}

// evictMemory reduces the batches in memory to the limit. It returns how many batches it evicted.
func (q *queue) evictMemory(limit int64, reason error) (evicted int) {
	for len(q.inMemory) > 0 && q.memoryBytes > limit {
		q.evict(q.popMemory(), reason)
		evicted++
	}
	return evicted
}

func (q *queue) evict(e entry, reason error) {
	if q.sendingFirst <= e.sequence && e.sequence <= q.sendingLast {
		q.evicted = append(q.evicted, e)
		return
	}
	q.drop(e.spans, reason)
}

// drop counts lost spans.
func (q *queue) drop(spans int64, reason error) {
	q.dropped += spans
	q.dropReason = reason
}

func (q *queue) popDisk() entry {
	e := q.onDisk[0]
	q.onDisk = q.onDisk[1:]
	q.diskBytes -= e.size
	return e
}

func (q *queue) popMemory() entry {
	e := q.inMemory[0].entry
	q.inMemory[0] = batch{} // releases the file's memory
	q.inMemory = q.inMemory[1:]
	q.memoryBytes -= e.size
	return e
}
