package outbox_test

import (
	"fmt"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// caused reports whether the runs explain a message's FIRING. It counts the window at the crossing twice: with the run that ended at that
// moment, and without it.
func (s *system) caused(m *shown) bool {
	at := m.incident.Crossed
	crossed := func(known func(end time.Time) bool) bool {
		runs, bad := 0, 0
		width := int64(s.rule.Window / 60)
		for _, r := range s.results {
			if r.Probe != m.incident.Series || !known(r.End) || r.End.UnixNano()/width <= at.UnixNano()/width-60 {
				continue
			}
			runs++
			if !r.Expected && probe.MatchAny(s.rule.On, r.Outcome()) {
				bad++
			}
		}
		return runs >= s.rule.MinRuns && setting.Share(bad)/setting.Share(runs) >= s.rule.Threshold
	}
	return crossed(func(end time.Time) bool { return !end.After(at) }) || crossed(func(end time.Time) bool { return end.Before(at) })
}

// shown is one incident in an accepted message.
type shown struct {
	event    alert.Event
	at       time.Time
	incident alert.Incident
	folded   bool
	lost     bool // Slack's answer was lost
}

// messagesAbout returns the messages about a series, in order; one message may report several incidents.
func (s *system) messagesAbout(series string) []shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []shown
	for _, number := range s.taken {
		n := &s.attempts[number]
		for k, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
			if incident.Series == series {
				list = append(list, shown{n.Event, n.At, incident, n.Folded > 0 || k > 0, !s.confirmed[number]})
			}
		}
	}
	return list
}

// checkJoined checks that a series that joined an incident is named in that incident's newest message.
func (s *system) checkJoined(series string) {
	for _, i := range s.engine.Incidents() {
		if i.Series != series || i.Leader == "" {
			continue
		}
		named := false
		for _, other := range []string{"a", "b"} {
			for _, m := range s.messagesAbout(other) {
				if m.incident.ID == i.Leader {
					named = slices.ContainsFunc(m.incident.Joined, func(j alert.JoinedSeries) bool { return j.Series == series })
				}
			}
		}
		if !named {
			s.fault("%s joined %s, whose message does not name it", series, i.Leader)
		}
	}
}

// checkEveryJoined checks at the end that every incident that joined another one was announced: the leader's last message names it, or it
// has its own message.
func (s *system) checkEveryJoined() {
	for _, i := range s.joined {
		announced, log := false, ""
		for _, series := range []string{"a", "b"} {
			for _, m := range s.messagesAbout(series) {
				switch m.incident.ID {
				case i.ID:
					announced = true
				case i.Leader:
					announced = slices.ContainsFunc(m.incident.Joined, func(j alert.JoinedSeries) bool { return j.Series == i.Series })
					log += fmt.Sprintf("\n%.0f %s %+v", m.at.Sub(start()).Seconds(), m.event, m.incident.Joined)
				}
			}
		}
		if !announced {
			s.fault("%s joined %s at %.0f s, and the last messages do not name it:%s", i.Series, i.Leader, i.Fired.Sub(start()).Seconds(), log)
		}
	}
}

// check compares the accepted messages with the incidents.
func (s *system) check() {
	for _, series := range []string{"a", "b"} {
		channelShowsFiring, log := false, ""
		var before shown
		for _, m := range s.messagesAbout(series) {
			log += fmt.Sprintf("\n%.0f %s %s folded %v", m.at.Sub(start()).Seconds(), m.event, m.incident.ID, m.folded)
			repeat := before.lost && before.incident.ID == m.incident.ID
			switch m.event {
			case alert.EventFiring:
				if !s.caused(&m) {
					s.fault("%s fires without a cause:%s", series, log)
				}
				if channelShowsFiring && !repeat {
					s.fault("%s: FIRING was sent twice:%s", series, log)
				}
				channelShowsFiring = true
			case alert.EventResolved, alert.EventEnded:
				if !channelShowsFiring && !m.folded && !repeat {
					s.fault("%s: an end was sent without a FIRING:%s", series, log)
				}
				channelShowsFiring = false
			case alert.EventUpdate:
				if !channelShowsFiring && !repeat {
					s.fault("%s: an UPDATE was sent without a FIRING:%s", series, log)
				}
				channelShowsFiring = true
			case alert.EventTest:
			}
			before = m
		}
		s.checkJoined(series)
		fires := slices.ContainsFunc(s.engine.Incidents(), func(i alert.Incident) bool { return i.Series == series && i.Leader == "" })
		if channelShowsFiring != fires {
			s.fault("%s fires: %v, but the channel shows %v:%s", series, fires, channelShowsFiring, log)
		}
	}
}
