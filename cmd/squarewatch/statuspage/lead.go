package statuspage

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"squarewatch/alert"
)

// lead redirects GET /incident?rule=NAME&series=NAME&at=MILLISECONDS to the page of an incident. A dashboard knows rule, series and time
// from a metric, but not the incident. lead takes the newest incident that had fired at that time; without at, the newest of all. Without
// an incident, it redirects to the page of the rule, or to the home page for a built-in rule, which has no page.
func (s *Server) lead(w http.ResponseWriter, r *http.Request) {
	s.harden(w.Header())
	query, shown := r.URL.Query(), s.snapshot(r.Context())
	rule, at := query.Get("rule"), shown.Now
	if ms, err := strconv.ParseInt(query.Get("at"), 10, 64); err == nil {
		at = time.UnixMilli(ms)
	}
	// http.Redirect would make the address absolute, which is wrong when a proxy removed the beginning of the path.
	to := "./"
	if i := newestOf(shown, rule, query.Get("series"), at); i != nil {
		to = "incident/" + i.ID
	} else if slices.ContainsFunc(shown.Rules, func(r alert.Rule) bool { return r.Name == rule }) {
		to = "rules/" + rule
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// newestOf returns the newest incident of a rule and a series that had fired at a time, or nil.
func newestOf(s *Snapshot, rule, series string, at time.Time) (newest *alert.Incident) {
	for _, all := range [][]alert.Incident{s.Firing, s.Ended} {
		for k := range all {
			i := &all[k]
			if i.Rule == rule && i.Series == series && !i.Fired.After(at) && (newest == nil || i.Fired.After(newest.Fired)) {
				newest = i
			}
		}
	}
	return newest
}
