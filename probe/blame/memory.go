package blame

import (
	"iter"
	"maps"
	"slices"
	"time"
)

const (
	// window is how long a failure is remembered.
	window = 5 * time.Minute
	// ServedAge is how long the judge relies on a record of ServesWithoutCredential.
	ServedAge = window
	// maxFailures is how many failures of a probe are remembered.
	maxFailures = 8
	// staleAfter is the number of failures after which it no longer counts that the same probe was accepted before. If half of the runs are
	// accepted, five failures in a row happen one time in 32.
	staleAfter = 5
	// manyProbes is the number of probes of one credential above which a verdict about its refusals is used again: weighing every run would
	// take too long.
	manyProbes = 200
	// keepVerdict is how long such a verdict is used again.
	keepVerdict = time.Second
)

// memory is what is remembered of earlier runs. The order of observations within one window makes no difference.
type memory struct {
	probes      map[string]*history
	credentials map[string]*principal
	open        map[string]served // by probe: whether its endpoint answers without a credential

	worked        worked               // when something was reached
	proxyWorked   worked               // when something was reached through our own proxy, or it answered a check
	answered      time.Time            // end of the last run that got an answer
	everywhere    time.Time            // end of the last run with a page that every address gets
	links         [linkCount]time.Time // by Link: end of the last run that failed in this way
	reached       Check                // the last check of connectivity that passed
	notReached    Check                // the last one that failed
	resolved      Check                // the last check of the resolver that passed
	notResolved   Check                // the last one that failed
	proxySilent   Check                // the last check of our own proxy that failed
	proxyAnswered Check                // the last one that passed
	guardDenied   time.Time            // end of the last run of a guarded probe without a credential that was refused, as it must be
	guardGranted  time.Time            // end of the last one that was granted access
}

// principal is what is remembered of a credential.
type principal struct {
	probes  []*history
	renewal Renewal // the newest
	kept    map[question]*keptVerdict
}

// served is whether an endpoint answered without a credential at a time.
type served struct {
	at  time.Time
	yes bool
}

// question is what a verdict about a refusal depends on, besides the memory.
type question struct {
	outcome  Outcome
	newToken bool
}

// keptVerdict is a verdict that is used again.
type keptVerdict struct {
	at      time.Time
	verdict Verdict
}

// keptVerdict returns the place for the verdict about a refusal, if the credential has more than manyProbes probes; else nil.
func (m *memory) keptVerdict(o *Observation) *keptVerdict {
	p := m.credentials[o.Credential]
	if p == nil || len(p.probes) <= manyProbes || o.Outcome != Refused && o.Outcome != Forbidden {
		return nil
	}
	q := question{o.Outcome, o.NewToken}
	if p.kept == nil {
		p.kept = map[question]*keptVerdict{}
	}
	if p.kept[q] == nil {
		p.kept[q] = &keptVerdict{}
	}
	return p.kept[q]
}

// history is what is remembered of a probe.
type history struct {
	probe      string
	credential string
	accepted   time.Time // start of the last run that was accepted
	since      time.Time // end of the first of the failures that followed each other within a window
	denied     time.Time // end of the first refusal by the API itself since the probe was last accepted; zero for none
	failures   []failure // newest first; nil for a probe that never failed
}

// failure is what is remembered of a run that failed.
type failure struct {
	end       time.Time
	outcome   Outcome
	code      int
	page      bool
	foreign   bool
	elsewhere bool
	ofAccount bool // the words say that the account or the key itself is not good
	words     string
}

func newMemory() memory {
	return memory{probes: map[string]*history{}, credentials: map[string]*principal{}, open: map[string]served{}}
}

// add remembers an observation.
func (m *memory) add(o *Observation) {
	m.addChecks(o)
	h := m.historyOf(o)
	if o.Page && o.Elsewhere {
		m.everywhere = later(m.everywhere, o.End)
	}
	switch {
	case o.Outcome == Shortage:
		return
	case o.Outcome == NotConnected:
		m.links[o.Link] = later(m.links[o.Link], o.End)
	case o.Outcome.answered():
		m.answered = later(m.answered, o.End)
		m.worked.add(o.End)
		m.proxyWorked.add(o.End)
	}
	switch o.Outcome {
	case Good:
		h.accept(o.Start)
	case Denied:
		if o.Credential == "" {
			m.guardDenied = later(m.guardDenied, o.End)
		}
	case Granted:
		if o.Credential == "" {
			m.guardGranted = later(m.guardGranted, o.End)
		}
		h.fail(o)
	case Refused, Forbidden, ServerError, GatewayError, WrongAnswer:
		h.fail(o)
	case Other, NotResolved, NotConnected, NotAnswered, Shortage:
	}
}

// historyOf returns the history of the observation's probe. The history is new if the probe has another credential now.
func (m *memory) historyOf(o *Observation) *history {
	h := m.probes[o.Probe]
	if h != nil && h.credential == o.Credential {
		return h
	}
	if h != nil {
		m.remove(h)
	}
	h = &history{probe: o.Probe, credential: o.Credential}
	m.probes[o.Probe] = h
	p := m.principal(o.Credential)
	p.probes = append(p.probes, h)
	return h
}

func (m *memory) principal(credential string) *principal {
	p := m.credentials[credential]
	if p == nil {
		p = &principal{}
		m.credentials[credential] = p
	}
	return p
}

// remove forgets a probe.
func (m *memory) remove(h *history) {
	delete(m.probes, h.probe)
	p := m.principal(h.credential)
	p.probes = slices.DeleteFunc(p.probes, func(other *history) bool { return other == h })
}

// forget forgets a credential and what its probes met.
func (m *memory) forget(credential string) {
	if p := m.credentials[credential]; p != nil {
		for _, h := range p.probes {
			delete(m.probes, h.probe)
		}
	}
	delete(m.credentials, credential)
}

// forgetProbe forgets what a probe met.
func (m *memory) forgetProbe(name string) {
	if h := m.probes[name]; h != nil {
		m.remove(h)
	}
	delete(m.open, name)
}

// addChecks remembers the newest checks and the newest renewal. Of two renewals at the same time it keeps the failed one.
func (m *memory) addChecks(o *Observation) {
	for _, c := range []struct {
		check          *Check
		passed, failed *Check
	}{{&o.Connectivity, &m.reached, &m.notReached}, {&o.Resolver, &m.resolved, &m.notResolved}, {&o.Proxy, &m.proxyAnswered, &m.proxySilent}} {
		kept := c.failed
		if c.check.Passed {
			kept = c.passed
		}
		if c.check.At.After(kept.At) {
			*kept = *c.check
		}
	}
	if o.Connectivity.Passed {
		m.worked.add(o.Connectivity.At)
	}
	if o.Proxy.Passed {
		m.proxyWorked.add(o.Proxy.At)
	}
	if o.Renewal.At.IsZero() {
		return
	}
	p := m.principal(o.Credential)
	if o.Renewal.At.After(p.renewal.At) || o.Renewal.At.Equal(p.renewal.At) && p.renewal.Renewed {
		p.renewal = o.Renewal
	}
}

// learnServed remembers the newest answer, and forgets those that are too old.
func (m *memory) learnServed(probe string, s served) {
	maps.DeleteFunc(m.open, func(_ string, old served) bool { return s.at.Sub(old.at) > ServedAge })
	if !s.at.Before(m.open[probe].at) {
		m.open[probe] = s
	}
}

// servesWithoutCredential reports whether the endpoint of a probe answers without a credential, and whether that is known at a time.
func (m *memory) servesWithoutCredential(probe string, at time.Time) (yes, known bool) {
	s, known := m.open[probe]
	known = known && at.Sub(s.at) <= ServedAge
	return s.yes && known, known
}

// fail remembers a failure: the newest of the window.
func (h *history) fail(o *Observation) {
	newest := o.End
	if len(h.failures) > 0 {
		newest = later(newest, h.failures[0].end)
	}
	h.failures = slices.DeleteFunc(h.failures, func(f failure) bool { return newest.Sub(f.end) > window })
	if len(h.failures) == 0 {
		h.since, h.denied = o.End, time.Time{}
	}
	if o.End.Before(h.since) {
		h.since = o.End
	}
	if newest.Sub(o.End) > window {
		return
	}
	f := failureOf(o)
	h.failures = append(h.failures, f)
	h.deny(&f)
	slices.SortStableFunc(h.failures, func(a, b failure) int { return b.end.Compare(a.end) })
	h.failures = h.failures[:min(len(h.failures), maxFailures)]
}

// accept remembers the start of a run that was accepted.
func (h *history) accept(start time.Time) {
	h.accepted = later(h.accepted, start)
	if h.denied.After(h.accepted) {
		return
	}
	h.denied = time.Time{}
	for i := range h.failures {
		h.deny(&h.failures[i])
	}
}

// deny remembers a refusal by the API itself, if it is the first since the probe was last accepted.
func (h *history) deny(f *failure) {
	if f.isDenial() && f.end.After(h.accepted) && (h.denied.IsZero() || f.end.Before(h.denied)) {
		h.denied = f.end
	}
}

// acceptedAfter reports whether the probe was accepted after a time and within the window, with fewer than staleAfter failures since.
func (h *history) acceptedAfter(since, at time.Time) bool {
	if !h.accepted.After(since) || at.Sub(h.accepted) > window {
		return false
	}
	failed := 0
	for _, f := range h.failures {
		if f.end.After(h.accepted) {
			failed++
		}
	}
	return failed < staleAfter
}

// isForeign reports whether something other than the API, such as a gateway, gave a refusal.
func (f *failure) isForeign() bool { return f.page || f.foreign }

// isDenial reports whether the API itself refused the credential.
func (f *failure) isDenial() bool {
	return !f.isForeign() && (f.outcome == Refused || f.outcome == Forbidden)
}

func failureOf(o *Observation) failure {
	return failure{
		end: o.End, outcome: o.Outcome, code: o.Code, page: o.Page, foreign: o.Foreign, elsewhere: o.Elsewhere,
		ofAccount: saysAccount(o.Words), words: o.Words,
	}
}

// recent returns the failures of two outcomes that count at a time, newest first.
func (h *history) recent(at time.Time, one, other Outcome) iter.Seq[*failure] {
	return func(yield func(*failure) bool) {
		for i := range h.failures {
			f := &h.failures[i]
			if (f.outcome == one || f.outcome == other) && at.Sub(f.end) <= window && !yield(f) {
				return
			}
		}
	}
}

// refusedLately reports whether the probe was refused within the window.
func (h *history) refusedLately(at time.Time) bool {
	for range h.recent(at, Refused, Forbidden) {
		return true
	}
	return false
}
