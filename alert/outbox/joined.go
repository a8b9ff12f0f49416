package outbox

import (
	"slices"

	"squarewatch/alert"
)

// addJoinedLocked adds a series that joined an incident to the FIRING of that incident, if the FIRING still waits. The first message then
// names the series. The caller holds mu.
func (s *sender) addJoinedLocked(joined *alert.Incident, changes *batch) {
	for i := range s.queue.entries {
		e := &s.queue.entries[i]
		if !e.event.Fires() || e.incident.ID != joined.Leader || names(&e.incident, joined.Rule, joined.Series) {
			continue
		}
		e.incident.Joined = append(slices.Clone(e.incident.Joined), alert.JoinedSeries{Rule: joined.Rule, Series: joined.Series})
		e.written = false
		changes.put(s.key, e)
	}
}

// knowsJoinedLocked reports whether a transition only names series that joined, and the last message already names all of them: the last
// one that the destination received, or that waits for it. The caller holds mu.
func (s *sender) knowsJoinedLocked(t *alert.Transition) bool {
	i := &t.Incident
	if t.Event != alert.EventUpdate || !i.JoinedAt.Equal(t.At) || i.BlameChangedAt.Equal(t.At) {
		return false
	}
	known := s.receipts[i.ID].incident
	for _, e := range slices.Concat(s.inFlight, s.queue.entries) {
		if e.event != alert.EventTest && e.incident.ID == i.ID && !e.withdrawn {
			known = e.incident
		}
	}
	if known.Severity != i.Severity || known.Overdue != i.Overdue {
		return false
	}
	return !slices.ContainsFunc(i.Joined, func(j alert.JoinedSeries) bool { return !names(&known, j.Rule, j.Series) })
}

// names reports whether the messages of an incident name a series that joined it.
func names(i *alert.Incident, rule, series string) bool {
	return slices.ContainsFunc(i.Joined, func(j alert.JoinedSeries) bool { return j.Rule == rule && j.Series == series })
}
