package blame

import (
	"fmt"
	"net/http"
)

// weighServerErrors weighs the server errors of one probe: did the API itself answer, or a gateway before it?
func (m *memory) weighServerErrors(o *Observation) []point {
	gateway, all := 0, 0
	count := func(f *failure) {
		all++
		if f.outcome == GatewayError || f.page && f.code == http.StatusServiceUnavailable {
			gateway++
		}
	}
	if h := m.probes[o.Probe]; h != nil {
		for f := range h.recent(o.End, ServerError, GatewayError) {
			count(f)
		}
	}
	if all == 0 { // the run itself was not observed
		f := failureOf(o)
		count(&f)
	}
	points := []point{}
	add := func(c Culprit, some int, who string) {
		if some > 0 {
			text := "the error came from " + who
			if all > 1 {
				text = fmt.Sprintf("%d of its last %d server errors came from %s", some, all, who)
			}
			points = append(points, point{Evidence{c, text, o.End}, 30 * some / all})
		}
	}
	add(API, all-gateway, "the API itself")
	add(Gateway, gateway, "a gateway before the API")
	return points
}

// hasAccepted reports whether a probe ever got what it expects.
func (m *memory) hasAccepted(probe string) bool {
	h := m.probes[probe]
	return h != nil && !h.accepted.IsZero()
}

// weighWrongAnswer weighs an answer that the probe does not expect, and that is neither a refusal nor a server error.
func (m *memory) weighWrongAnswer(o *Observation) []point {
	say := func(c Culprit, weight int, text string) []point { return []point{{Evidence{c, text, o.End}, weight}} }
	switch {
	case o.Page && o.Elsewhere:
		return say(Gateway, 60, "every address gets the same page, also one that does not exist")
	case o.Outcome == Granted:
		return say(Leak, 100, "the API granted a request that it must refuse")
	case o.Page && o.End.Sub(m.everywhere).Abs() <= window:
		return say(Gateway, 40, "lately every address got a page, also one that does not exist")
	case o.Page && o.Foreign:
		return say(Gateway, 30, "a page answers where the API itself refuses with data")
	case o.Page && o.Code/100 == 2 && m.hasAccepted(o.Probe):
		return say(Gateway, 30, "a page answers where the API itself answered with data")
	case o.Page && o.Code == http.StatusTooManyRequests:
		return say(Gateway, 30, "a gateway before the API limits our requests")
	case o.Page:
		return say(API, 15, "it answered with a page where data was due")
	}
	return say(API, 15, "its answer is not what the probe expects")
}
