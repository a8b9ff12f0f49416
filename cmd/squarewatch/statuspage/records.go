package statuspage

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// Records are what is stored of an incident.
type Records struct {
	Deliveries []outbox.Delivery
	Notes      []outbox.Note
	Silences   []alert.Silence
	Similar    []alert.Incident // of the same rule and series, newest first
	FirstBad   *probe.Result    // nil when it is not stored
	LastGood   *probe.Result    // of the same probe before it; nil when it is not stored
	Fault      string           // why the records are incomplete; empty when they are whole
}

// maxSimilar limits the similar incidents that a page lists.
const maxSimilar = 10

func (s *Server) incident(r *http.Request, shown *Snapshot, id string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	found, err := s.find(ctx, shown, id)
	if errors.Is(err, outbox.ErrNoIncident) {
		return missing(shown, "No incident with this identifier fires, and none is stored."), nil
	}
	if err != nil {
		return content{}, err
	}
	return content{"incident", NewIncidentPage(shown, found, s.records(ctx, shown, found)), http.StatusOK}, nil
}

// find returns an incident that fires, ended recently or is stored. Otherwise it returns [outbox.ErrNoIncident].
func (s *Server) find(ctx context.Context, shown *Snapshot, id string) (*alert.Incident, error) {
	for _, list := range [][]alert.Incident{shown.Firing, shown.Ended} {
		for i := range list {
			if list[i].ID == id {
				return &list[i], nil
			}
		}
	}
	store := s.source.Store()
	if store == nil {
		return nil, outbox.ErrNoIncident
	}
	stored, err := store.Incident(ctx, id)
	return &stored, err
}

// records reads what is stored of an incident. A firing incident is shown even if the disk fails.
func (s *Server) records(ctx context.Context, shown *Snapshot, i *alert.Incident) Records {
	var r Records
	var faults [5]error
	if store := s.source.Store(); store != nil {
		r.Deliveries, faults[0] = store.Deliveries(ctx, i.ID)
		r.Notes, faults[1] = store.Notes(ctx, i.ID)
		r.Silences, faults[2] = store.SilencesOf(ctx, i)
		r.Similar, faults[3] = store.Incidents(ctx, outbox.IncidentFilter{
			Rule: i.Rule, Series: i.Series, Until: i.Fired, Limit: maxSimilar,
		})
	}
	if store := s.source.History(); store != nil && !i.FirstBad.IsZero() {
		faults[4] = r.findRuns(ctx, store, shown, i)
	}
	if err := errors.Join(faults[:]...); err != nil {
		r.Fault = "Some records cannot be read now: " + foreign(err.Error(), cutExcerpt) + "."
	}
	return r
}

// findRuns finds the first bad run among the probes that an incident names, and the last good run of that probe before it.
func (r *Records) findRuns(ctx context.Context, store *history.Store, s *Snapshot, i *alert.Incident) error {
	for _, name := range suspected(s, i) {
		bad, good, err := store.FirstBad(ctx, name, i.FirstBad, i.LastBad)
		if err != nil {
			return err
		}
		if bad != nil && (r.FirstBad == nil || bad.End.Before(r.FirstBad.End)) {
			r.FirstBad, r.LastGood = bad, good
		}
	}
	return nil
}

// maxSuspected limits the probes that are searched for the first bad run of an incident.
const maxSuspected = 20

// suspected returns the probes whose runs an incident may count. The probes that the incident names come first.
func suspected(s *Snapshot, i *alert.Incident) []string {
	if i.Per == alert.PerProbe {
		return []string{i.Series}
	}
	var names []string
	add := func(name string) {
		if name != "" && len(names) < maxSuspected && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(i.Probe)
	for k := range i.Examples {
		add(i.Examples[k].Probe)
	}
	for _, p := range i.BadProbes {
		add(p.Probe)
	}
	if rule := ruleOf(s, i.Rule); rule != nil {
		for k := range s.Probes {
			if p := s.Probes[k].Settings; rule.Watches(p.Name) && rule.SeriesOf(p) == i.Series {
				add(p.Name)
			}
		}
	}
	return names
}

// ruleOf returns a rule of the configuration. It returns nil for a built-in rule and for a removed rule.
func ruleOf(s *Snapshot, name string) *alert.Rule {
	if k := slices.IndexFunc(s.Rules, func(r alert.Rule) bool { return r.Name == name }); k >= 0 {
		return &s.Rules[k]
	}
	return nil
}
