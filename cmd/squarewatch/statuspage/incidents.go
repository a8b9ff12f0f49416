package statuspage

import (
	"context"
	"net/http"
	"slices"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// maxAll is how many incidents the page of all incidents lists.
const maxAll = 1000

// IncidentsPage lists the incidents that fire, and the stored ones, which retention.rollups limits.
type IncidentsPage struct {
	Head

	Incidents []Entry `json:"incidents"` // those that fire first, then the newest
	Cut       bool    `json:"cut"`       // there may be older ones
}

// incidents makes the page of all incidents. It leaves out incidents that joined another one; the page of the other has them.
func (s *Server) incidents(r *http.Request, shown *Snapshot, _ string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all := slices.Concat(shown.Firing, shown.Ended)
	page := &IncidentsPage{Head: headOf(shown, "Incidents", "unknown")}
	if store := s.source.Store(); store != nil {
		stored, err := store.Incidents(ctx, outbox.IncidentFilter{Limit: maxAll})
		if err != nil {
			return content{}, err
		}
		all, page.Cut = append(all, stored...), len(stored) == maxAll
	}
	known := map[string]bool{} // the engine has newer figures than the store
	all = slices.DeleteFunc(all, func(i alert.Incident) bool {
		again := known[i.ID]
		known[i.ID] = true
		return again || i.Leader != ""
	})
	slices.SortStableFunc(all, func(a, b alert.Incident) int {
		if a.Resolved.IsZero() != b.Resolved.IsZero() {
			if a.Resolved.IsZero() {
				return -1
			}
			return 1
		}
		return b.Fired.Compare(a.Fired)
	})
	for i := range all {
		page.Incidents = append(page.Incidents, entryOf(&all[i]))
	}
	return content{"all-incidents", page, http.StatusOK}, nil
}
