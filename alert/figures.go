package alert

import (
	"time"

	"squarewatch/config/setting"
)

// Figures are the counts of a condition at one time. They are stored with the incident. A message uses them when too few runs finished
// lately for new counts: after a stop of the daemon, or when runs became rare.
type Figures struct {
	At        time.Time
	Rate      setting.Share
	Low, High setting.Share
	Runs, Bad int
	Classes   []ClassCount
	Burn      *Burn
	Condition Condition
	Probe     string // as in [Incident]; so are the BadProbes
	BadProbes []ProbeCount
}

// saveFigures stores the figures of a firing incident. It does nothing when the incident already shows saved figures.
func (s *series) saveFigures(incident *Incident, now time.Time) {
	if s.state != Firing || s.kind.withoutRuns || !incident.Counted.IsZero() {
		return
	}
	s.figures = &Figures{
		At: now, Rate: incident.Rate, Low: incident.Low, High: incident.High, Runs: incident.Runs, Bad: incident.Bad,
		Classes: incident.Classes, Burn: incident.Burn, Condition: incident.Condition, Probe: incident.Probe, BadProbes: incident.BadProbes,
	}
}

// useSavedFigures replaces the figures of a firing incident with the saved ones, if too few runs finished lately for new ones.
func (s *series) useSavedFigures(incident *Incident) {
	enough := 1
	if incident.Condition.hasWindow() {
		enough = s.rule.MinRuns
	}
	old := s.figures
	unseen := !incident.Condition.hasWindow() && s.lastRun.Before(s.evidenceFrom) // the streak is of an earlier process
	if s.state != Firing || old == nil || s.kind.withoutRuns || incident.Runs >= enough && !unseen {
		return
	}
	incident.Counted, incident.RecentRuns, incident.RecentBad = old.At, incident.Runs, incident.Bad
	if unseen {
		incident.RecentRuns, incident.RecentBad = 0, 0
	}
	incident.Rate, incident.Low, incident.High, incident.Runs, incident.Bad = old.Rate, old.Low, old.High, old.Runs, old.Bad
	incident.Classes, incident.Course, incident.Probe, incident.BadProbes = old.Classes, nil, old.Probe, old.BadProbes
	if old.Condition != "" { // figures of an older version have none
		incident.Condition = old.Condition
	}
	if old.Burn != nil {
		incident.Burn = old.Burn
	}
}
