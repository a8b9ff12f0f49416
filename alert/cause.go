package alert

import (
	"slices"
	"time"
)

const (
	// joinWait is how long the first series that joins an incident waits for others, so that one UPDATE names them all.
	joinWait = 15 * time.Second
	// joinPause is the least time between two messages that name further series.
	joinPause = time.Minute
	// leaveAfter is how long the culprits of a series and of the incident that it joined may differ.
	leaveAfter = time.Minute
)

// People see one incident for one cause. A series that crosses its threshold for the same cause as an announced incident joins that
// incident, which is then its leader. The joined series fires, and the leader's messages name it. It has no messages of its own. The
// leader does not resolve before all series that joined it are good again.

// JoinedSeries is a series that joined an incident.
type JoinedSeries struct {
	Rule   string
	Series string
	Over   bool // it is good again
}

// JoinedNames returns the names of the series that joined an incident and still fail, or of those that are good again. The name of a
// series of another rule begins with that rule.
func (i *Incident) JoinedNames(over bool) []string {
	var names []string
	for _, j := range i.Joined {
		switch {
		case (j.Over || !i.Resolved.IsZero()) != over:
		case j.Rule == i.Rule:
			names = append(names, j.Series)
		default:
			names = append(names, j.Rule+" "+j.Series)
		}
	}
	return names
}

// Cause lists the series that joined an incident. It is plain data.
type Cause struct {
	Joined []JoinedSeries // in the order in which they joined
	Due    time.Time      // when a message must name those that joined last; zero when all are named
	Named  time.Time      // when a message last named series that joined; zero before the first
}

// leading holds the series that joined the incident of a series.
type leading struct {
	Cause

	members []*series // series that joined and still fire
}

// joining says which incident a series joined.
type joining struct {
	leader   *series   // nil when the configuration no longer has it
	incident string    // identifier of the leader's incident
	until    time.Time // when the series leaves if the culprits still differ; zero for no such time
}

// hasJoined reports whether the other series joined the firing incident of s, even if it has left since.
func (s *series) hasJoined(other *series) bool {
	return s.lead != nil && slices.ContainsFunc(s.lead.Joined, func(j JoinedSeries) bool { return j.is(other) })
}

func (j *JoinedSeries) is(s *series) bool { return j.Rule == s.rule.Name && j.Series == s.name }

// join makes a series join the incident of a leader.
func (e *Engine) join(s, leader *series, now time.Time) {
	s.joined = &joining{leader: leader, incident: leader.incidentID()}
	if s.mayAgree(leader) {
		s.joined.until = now.Add(leaveAfter)
	}
	leader.addMember(s, now)
	leader.due = earliest(leader.due, leader.lead.Due)
	e.timers.arm(leader)
}

// addMember records that a series joined at now, and sets when a message must name it.
func (s *series) addMember(member *series, now time.Time) {
	if s.lead == nil {
		s.lead = &leading{}
	}
	s.lead.members = append(s.lead.members, member)
	if s.hasJoined(member) {
		return
	}
	s.lead.Joined = append(s.lead.Joined, JoinedSeries{Rule: member.rule.Name, Series: member.name})
	if s.lead.Due.IsZero() {
		s.lead.Due = later(now.Add(joinWait), s.lead.Named.Add(joinPause))
	}
}

// leave ends the membership of a series. Its leader may resolve then.
func (e *Engine) leave(s *series, now time.Time) {
	leader := s.joined.leader
	s.joined = nil
	if leader == nil || leader.lead == nil {
		return
	}
	leader.lead.members = slices.DeleteFunc(leader.lead.members, func(m *series) bool { return m == s })
	if leader.state == Firing {
		leader.due = now
		e.timers.arm(leader)
	}
}

// mustLeave reports whether a series that joined has another cause than its leader: its culprit changed to another one, or the two culprits
// have differed for too long.
func (e *Engine) mustLeave(s *series, blameChanged bool, now time.Time) bool {
	if s.joined == nil {
		return false
	}
	due := !s.joined.until.IsZero() && !now.Before(s.joined.until)
	if due {
		s.joined.until = time.Time{}
	}
	return (blameChanged || due) && e.isLed(s) && !s.joined.leader.blamesAs(s) && !s.isOneOutage(s.joined.leader)
}

// leaveDue returns when a series that joined leaves its leader if their culprits still differ then; zero for never.
func (s *series) leaveDue() time.Time {
	if s.joined == nil {
		return time.Time{}
	}
	return s.joined.until
}

// rejoin makes a firing series join another incident of the same cause, when the messages of its leader no longer name it. It returns false
// when there is no such incident.
func (e *Engine) rejoin(s *series, now time.Time) bool {
	if s.joined != nil {
		e.leave(s, now)
	}
	leader := e.leaderFor(s)
	if leader != nil {
		e.join(s, leader, now)
	}
	return leader != nil
}

// isLed reports whether the messages of another incident name a series.
func (e *Engine) isLed(s *series) bool {
	if s.joined == nil || s.joined.leader == nil {
		return false
	}
	l := s.joined.leader
	return l.lead != nil && slices.Contains(l.lead.members, s) && l.isAnnouncedFor(s) && e.muting.silenceOf(l) == nil
}

// leadsOthers reports whether at least one of the series that joined this one still fires.
func (s *series) leadsOthers() bool { return s.lead != nil && len(s.lead.members) > 0 }

// namesJoined reports whether a message must name series that joined.
func (s *series) namesJoined(now time.Time) bool {
	due := s.joinedDue()
	return !due.IsZero() && !now.Before(due)
}

// joinedDue returns when a message must name series that joined; zero for never.
func (s *series) joinedDue() time.Time {
	if s.lead == nil {
		return time.Time{}
	}
	return s.lead.Due
}

// recordJoinedNamed records that a message names every series that joined.
func (s *series) recordJoinedNamed(now time.Time) {
	if s.lead != nil && !s.lead.Due.IsZero() {
		s.lead.Due, s.lead.Named = time.Time{}, now
	}
}

// fillCause sets the series that joined the incident, and the incident that this one joined.
func (s *series) fillCause(incident *Incident) {
	switch {
	case s.joined != nil:
		incident.Leader = s.joined.incident
	case s.state == Inactive:
		incident.Leader = s.endedWith
	}
	if s.lead == nil {
		return
	}
	incident.JoinedAt = s.lead.Named
	for _, j := range s.lead.Joined {
		j.Over = !slices.ContainsFunc(s.lead.members, j.is)
		incident.Joined = append(incident.Joined, j)
	}
}

// leaderStates returns the states of the firing incidents that a series joined, also of those that it has left since.
func (e *Engine) leaderStates(s *series) []SeriesState {
	var list []SeriesState
	for _, l := range e.leaders {
		if l.state == Firing && l.hasJoined(s) {
			list = append(list, l.export())
		}
	}
	return list
}

// recordLeader adds an announced series to those that other series can join.
func (e *Engine) recordLeader(s *series) {
	if s.state != Firing || !s.announced {
		return
	}
	e.leaders = slices.DeleteFunc(e.leaders, func(l *series) bool { return l == s || l.state != Firing || !l.announced })
	e.leaders = append(e.leaders, s)
}

// link connects the series that joined an incident with their leaders. It runs after the states were read, or copied from another engine.
func (e *Engine) link() {
	byIncident := map[string]*series{}
	for _, s := range e.all {
		if s.lead != nil {
			s.lead = &leading{Cause: s.lead.Cause}
		}
		if s.state == Firing {
			byIncident[s.incidentID()] = s
		}
	}
	for _, s := range e.all {
		if s.joined == nil {
			continue
		}
		leader := byIncident[s.joined.incident]
		s.joined = &joining{leader: leader, incident: s.joined.incident, until: s.joined.until}
		if leader != nil && s.state == Firing {
			leader.addMember(s, s.fired) // the leader's stored state may be older than this membership
		}
	}
}
