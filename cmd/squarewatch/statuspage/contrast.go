package statuspage

import (
	"time"

	"squarewatch/probe"
)

// Contrast is the first bad run of an incident beside the last good run before it.
type Contrast struct {
	Probe     string         `json:"probe"`
	BadTrace  string         `json:"bad_trace,omitempty"`  // empty unless the attempts of the run are kept
	GoodTrace string         `json:"good_trace,omitempty"` // like BadTrace
	Lines     []ContrastLine `json:"lines"`
}

// ContrastLine is one property of both runs.
type ContrastLine struct {
	Name    string `json:"name"`
	Bad     string `json:"bad"`
	Good    string `json:"good"` // empty when no good run is stored
	Differs bool   `json:"differs"`
}

// contrastOf compares two runs. It returns nil when there is no bad run.
func contrastOf(bad, good *probe.Result) *Contrast {
	if bad == nil {
		return nil
	}
	c := &Contrast{Probe: bad.Probe, BadTrace: keptTrace(bad), GoodTrace: keptTrace(good)}
	for _, p := range properties() {
		line := ContrastLine{Name: p.name, Bad: p.of(bad)}
		if good != nil {
			line.Good = p.of(good)
			line.Differs = !p.always && line.Bad != line.Good
		}
		if line.Bad != "" || line.Good != "" {
			c.Lines = append(c.Lines, line)
		}
	}
	return c
}

// keptTrace returns the trace of a run whose attempts are kept.
func keptTrace(r *probe.Result) string {
	if r == nil || len(r.Attempts) == 0 {
		return ""
	}
	return r.Trace.String()
}

// property is one property that two runs are compared by.
type property struct {
	name   string
	always bool // it differs between any two runs
	of     func(r *probe.Result) string
}

func properties() []property {
	list := []property{
		{"ended", true, func(r *probe.Result) string { return r.End.UTC().Format("15:04:05") }},
		{"answer", false, func(r *probe.Result) string { return outcome(r.Class, r.Code) }},
		{"why unexpected", false, func(r *probe.Result) string { return foreign(r.Reason, cutExcerpt) }},
		{"excerpt", false, func(r *probe.Result) string { return foreign(r.Excerpt, cutExcerpt) }},
		{"credential", false, func(r *probe.Result) string { return foreign(r.Credential, cutName) }},
		{"latency", true, func(r *probe.Result) string {
			if len(r.Attempts) == 0 {
				return ""
			}
			return millis(r.Latency())
		}},
	}
	for _, kind := range probe.PhaseKinds() {
		list = append(list, ofLast(string(kind), true, func(a *probe.Attempt) string { return tookIn(a, kind) }))
	}
	return append(list,
		ofLast("address", false, func(a *probe.Attempt) string { return foreign(a.Peer, cutName) }),
		ofLast("protocol", false, func(a *probe.Attempt) string { return prefixed("HTTP/", foreign(a.Protocol, cutName)) }),
		ofLast("connection", false, func(a *probe.Attempt) string {
			if a.Reused {
				return "kept"
			}
			return "new"
		}),
		ofLast("body", false, func(a *probe.Attempt) string { return count(int(a.Size), "byte", "bytes") }),
		ofLast("certificate expires", false, func(a *probe.Attempt) string {
			if a.CertificateExpiry.IsZero() {
				return ""
			}
			return a.CertificateExpiry.UTC().Format(time.DateOnly)
		}),
	)
}

// ofLast returns a property of the last attempt of a run. It is empty when the attempts are not kept.
func ofLast(name string, always bool, of func(a *probe.Attempt) string) property {
	return property{name, always, func(r *probe.Result) string {
		if len(r.Attempts) == 0 {
			return ""
		}
		return of(&r.Attempts[len(r.Attempts)-1])
	}}
}

// tookIn returns how long a phase of an attempt took. It is empty when the attempt did not have the phase.
func tookIn(a *probe.Attempt, kind probe.PhaseKind) string {
	for _, p := range a.Phases {
		if p.Kind == kind {
			return millis(p.End.Sub(p.Start))
		}
	}
	return ""
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
