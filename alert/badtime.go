package alert

import "time"

// BadSpan is a number of bad runs with the times at which the first and the last of them ended. It is plain data.
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

// badTime knows when the runs of a series were bad. That is not when its incident fires: a window must fill before the incident
// fires, and drain before it is over. Which bad runs belong to an incident: those in the window when the threshold was crossed,
// or in a row where the rule looks at rows, and all that follow until it is over.
type badTime struct {
	width    time.Duration // of a bucket; a sixtieth of the rule's window, as in [window]
	recent   *[buckets]badBucket
	row      BadSpan // bad runs in a row
	incident BadSpan // the incident that fires, or the last one
	next     BadSpan // what will be an incident, while the series is pending
	after    BadSpan // since the incident was over
}

// badBucket counts the bad runs in a part of a window. Buckets are allocated with the first bad run, as most series have none.
type badBucket struct {
	number int64 // of the bucket, counted in widths since 1970
	BadSpan
}

// observe takes a run that ended at end, in the state in which the series was before it.
func (b *badTime) observe(end time.Time, bad bool, state State) {
	if !bad {
		b.row = BadSpan{}
		return
	}
	b.row.add(end)
	if b.recent == nil {
		b.recent = new([buckets]badBucket)
	}
	number := end.UnixNano() / int64(b.width)
	bucket := &b.recent[((number%buckets)+buckets)%buckets]
	if bucket.number < number {
		*bucket = badBucket{number: number}
	}
	if bucket.number == number { // else the run is so late that its bucket is gone
		bucket.add(end)
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

// cross begins what may become an incident, at the moment at which the threshold is crossed.
func (b *badTime) cross(now time.Time, inRow bool) {
	b.next = b.row
	if inRow || b.recent == nil {
		return
	}
	b.next = BadSpan{}
	newest := now.UnixNano() / int64(b.width)
	for number := newest - buckets + 1; number <= newest; number++ {
		bucket := &b.recent[((number%buckets)+buckets)%buckets]
		if bucket.number != number || bucket.Runs == 0 {
			continue
		}
		if b.next.Runs == 0 {
			b.next.First = bucket.First
		}
		b.next.Last, b.next.Runs = bucket.Last, b.next.Runs+bucket.Runs
	}
}

// fire begins an incident, or goes on with the last one.
func (b *badTime) fire(again bool) {
	if again && !b.incident.First.IsZero() {
		b.incident.Runs += b.after.Runs
		b.incident.Last = later(b.incident.Last, b.after.Last)
	} else {
		b.incident = b.next
	}
	b.next, b.after = BadSpan{}, BadSpan{}
}

// over ends an incident; a later one may still go on with it.
func (b *badTime) over() { b.after = BadSpan{} }

// counted returns until when runs were counted, in a state that was restored.
func (b *badTime) counted(state State, resolved time.Time) time.Time {
	switch state {
	case Firing:
		return b.incident.Last
	case Pending:
		return b.next.Last
	case Inactive:
	}
	return later(resolved, b.after.Last)
}

// setBack forgets what is later than now, since the clock was set back.
func (b *badTime) setBack(now time.Time) {
	b.recent = nil
	for _, p := range []*BadSpan{&b.row, &b.incident, &b.next, &b.after} {
		for _, t := range []*time.Time{&p.First, &p.Last} {
			if t.After(now) {
				*t = now
			}
		}
	}
}

// cross begins what may become an incident of the series.
func (s *series) cross(now time.Time) {
	figures := Incident{}
	s.condition.describe(&figures, now)
	s.bad.cross(now, figures.Condition != ConditionRate && figures.Condition != ConditionBurn)
	if c, ok := s.condition.(interface{ began() time.Time }); ok {
		s.bad.next.First = c.began()
	}
}

// since is when the problem began that the series is pending or firing for; zero while it is inactive.
func (s *series) since() time.Time {
	began := time.Time{}
	switch s.state {
	case Pending:
		began = s.bad.next.First
	case Firing:
		began = s.bad.incident.First
	case Inactive:
		return time.Time{}
	}
	if began.IsZero() {
		return s.crossed
	}
	return began
}

// times puts the bad time into an incident.
func (s *series) times(incident *Incident) {
	bad := s.bad.incident
	incident.Since, incident.BadRuns = bad.First, bad.Runs
	if bad.First.IsZero() {
		incident.Since = s.crossed
	}
	if bad.Runs > 0 {
		incident.FirstBad, incident.LastBad = bad.First, bad.Last
	}
}

// longestBad is over how long a window the bad runs before an incident are counted. An objective has many windows: the long one
// of its fastest pair counts.
func (r *Rule) longestBad() time.Duration {
	if r.Objective > 0 {
		return burnPairs(r.Period)[0].long
	}
	return r.Window
}
