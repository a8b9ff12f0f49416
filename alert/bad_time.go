package alert

import "time"

// BadSpan is a number of bad runs, with the end of the first and of the last of them. It is plain data.
type BadSpan struct {
	First time.Time
	Last  time.Time
	Runs  int
}

func (p *BadSpan) add(end time.Time) {
	if p.Runs == 0 {
		p.First = end
	}
	if end.After(p.Last) {
		p.Last = end
	}
	p.Runs++
}

// badTime records when the runs of a series were bad. That differs from when its incident fires: the first bad runs come before it fires,
// and the last bad runs must leave the window before it resolves. The bad runs of an incident are those in the window when the threshold
// was crossed, and all that follow until it resolves. Where the rule counts a streak, they begin with that streak.
//
// It is allocated with the first bad run, or when the series becomes pending, since most series never need it. nil means no bad run.
type badTime struct {
	width    time.Duration // of a bucket: a sixtieth of the rule's window, as in [window]
	recent   [buckets]badBucket
	last     time.Time // when the newest bad run ended
	streak   BadSpan   // bad runs in a row
	incident BadSpan   // of the incident that fires, or of the last one
	next     BadSpan   // while pending: the bad runs that the incident begins with when it fires
	after    BadSpan   // since the incident ended
}

// badBucket counts the bad runs in one part of a window.
type badBucket struct {
	first int64 // when the first of them ended, in nanoseconds since 1970
	runs  int32
}

// number returns which bucket holds a time: whole widths since 1970.
func (b *badTime) number(nanoseconds int64) int64 { return nanoseconds / int64(b.width) }

// bucket returns the place of a bucket in the ring. An older bucket may still have this place.
func (b *badTime) bucket(number int64) *badBucket {
	return &b.recent[((number%buckets)+buckets)%buckets]
}

// observeForBadTime records a bad run that ended at end. A good run ends the streak.
func (s *series) observeForBadTime(end time.Time, bad bool) {
	switch {
	case bad:
		s.badTime().observe(end, s.state)
	case s.bad != nil:
		s.bad.streak = BadSpan{}
	}
}

// badTime returns the bad time of the series, and allocates it first if necessary.
func (s *series) badTime() *badTime {
	if s.bad == nil {
		s.bad = &badTime{width: max(s.rule.badTimeWindow()/buckets, 1)}
	}
	return s.bad
}

// observe records a bad run that ended at end; state is the state of the series before the run.
func (b *badTime) observe(end time.Time, state State) {
	b.streak.add(end)
	b.last = later(b.last, end)
	number := b.number(end.UnixNano())
	bucket := b.bucket(number)
	if b.number(bucket.first) < number || bucket.runs == 0 {
		*bucket = badBucket{first: end.UnixNano()}
	}
	if b.number(bucket.first) == number { // otherwise the result came so late that a newer bucket has this place
		bucket.runs, bucket.first = bucket.runs+1, min(bucket.first, end.UnixNano())
	}
	switch state {
	case Firing:
		b.incident.add(end)
		return
	case Pending:
		b.next.add(end)
	case Inactive:
	}
	b.after.add(end)
}

// startPending counts the bad runs that are in the window when the threshold is crossed. If inRow is true, it counts those of the streak.
func (b *badTime) startPending(now time.Time, inRow bool) {
	b.next = b.streak
	if inRow {
		return
	}
	b.next = BadSpan{}
	newest := b.number(now.UnixNano())
	for number := newest - buckets + 1; number <= newest; number++ {
		bucket := b.bucket(number)
		if bucket.runs == 0 || b.number(bucket.first) != number {
			continue
		}
		if b.next.Runs == 0 {
			b.next.First, b.next.Last = time.Unix(0, bucket.first).UTC(), b.last
		}
		b.next.Runs += int(bucket.runs)
	}
}

// startIncident starts an incident, or continues the last one if again is true.
func (b *badTime) startIncident(again bool) {
	if again && !b.incident.First.IsZero() {
		b.incident.Runs += b.after.Runs
		b.incident.Last = later(b.incident.Last, b.after.Last)
	} else {
		b.incident = b.next
	}
	b.next, b.after = BadSpan{}, BadSpan{}
}

// endIncident ends an incident; it may continue later.
func (b *badTime) endIncident() { b.after = BadSpan{} }

// counted holds the counts of a restored series. Recall saves them before it gives a stored run to the
// series. undo restores them if that run was already counted.
type counted struct {
	until                 time.Time // runs that ended by then are counted
	incident, next, after BadSpan
}

// saveCounted returns the present counts.
func (s *series) saveCounted() counted {
	if s.bad == nil {
		return counted{until: s.resolved}
	}
	c := counted{until: later(s.resolved, s.bad.after.Last), incident: s.bad.incident, next: s.bad.next, after: s.bad.after}
	switch s.state {
	case Firing:
		c.until = s.bad.incident.Last
	case Pending:
		c.until = s.bad.next.Last
	case Inactive:
	}
	return c
}

// undo restores the counts after a run that ended at end, if that run was counted before.
func (c *counted) undo(s *series, end time.Time) {
	if s.bad != nil && !end.After(c.until) {
		s.bad.incident, s.bad.next, s.bad.after = c.incident, c.next, c.after
	}
}

// setBack moves times that lie after now to now, because the clock was set back. It empties the buckets.
func (b *badTime) setBack(now time.Time) {
	b.recent, b.last = [buckets]badBucket{}, time.Time{}
	for _, p := range []*BadSpan{&b.streak, &b.incident, &b.next, &b.after} {
		for _, t := range []*time.Time{&p.First, &p.Last} {
			if t.After(now) {
				*t = now
			}
		}
	}
}

// startBadTime calls startPending, and takes exact times from conditions that know them.
func (s *series) startBadTime(now time.Time) {
	figures := Incident{}
	s.condition.describe(&figures, now)
	s.badTime().startPending(now, !figures.Condition.hasWindow())
	if c, ok := s.condition.(spanReporter); ok {
		if span, known := c.badSpan(); known {
			s.bad.next = span
		}
	}
	if c, ok := s.condition.(onsetReporter); ok {
		s.bad.next.First = c.onset()
	}
}

// since returns when the problem of a pending or firing series began; zero while it is inactive.
func (s *series) since() time.Time {
	began := time.Time{}
	switch {
	case s.state == Inactive:
		return time.Time{}
	case s.bad == nil:
	case s.state == Pending:
		began = s.bad.next.First
	case s.state == Firing:
		began = s.bad.incident.First
	}
	if began.IsZero() {
		return s.crossed
	}
	return began
}

// fillBadTime sets the bad time of an incident.
func (s *series) fillBadTime(incident *Incident) {
	bad := BadSpan{}
	if s.bad != nil {
		bad = s.bad.incident
	}
	incident.Since, incident.BadRuns = bad.First, bad.Runs
	if bad.First.IsZero() {
		incident.Since = s.crossed
	}
	if bad.Runs > 0 {
		incident.FirstBad, incident.LastBad = bad.First, bad.Last
	}
}

// badTimeWindow returns the length of the window whose bad runs belong to an incident when it begins. A rule with
// an objective has several pairs of windows. The result is the longer window of its fastest pair.
func (r *Rule) badTimeWindow() time.Duration {
	if r.Objective > 0 {
		return burnPairs(r.Period)[0].long
	}
	return r.Window
}
