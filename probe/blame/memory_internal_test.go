package blame

import (
	"math/rand/v2"
	"testing"
	"time"
)

// newest returns the latest of the times that a function returns for the observations; zero when it returns none.
func newest(seen []Observation, of func(*Observation) time.Time) time.Time {
	var at time.Time
	for i := range seen {
		at = later(at, of(&seen[i]))
	}
	return at
}

// when returns the end of an observation if a condition is true, and otherwise zero.
func when(is bool, o *Observation) time.Time {
	if is {
		return o.End
	}
	return time.Time{}
}

// modelOf returns the times that a memory must have. It computes them from all observations together, without state.
func modelOf(seen []Observation) map[string]time.Time {
	checked := func(c func(*Observation) *Check, passed bool) time.Time {
		return newest(seen, func(o *Observation) time.Time {
			if c(o).Passed != passed {
				return time.Time{}
			}
			return c(o).At
		})
	}
	connectivity := func(o *Observation) *Check { return &o.Connectivity }
	name := func(o *Observation) *Check { return &o.Resolver }
	proxy := func(o *Observation) *Check { return &o.Proxy }
	guarded := func(outcome Outcome) time.Time {
		return newest(seen, func(o *Observation) time.Time { return when(o.Outcome == outcome && o.Credential == "", o) })
	}
	link := func(l Link) time.Time {
		return newest(seen, func(o *Observation) time.Time { return when(o.Outcome == NotConnected && o.Link == l, o) })
	}
	model := map[string]time.Time{
		"answered":   newest(seen, func(o *Observation) time.Time { return when(o.Outcome.answered(), o) }),
		"everywhere": newest(seen, func(o *Observation) time.Time { return when(o.Page && o.Elsewhere, o) }),
		"reached":    checked(connectivity, true), "not reached": checked(connectivity, false),
		"resolved": checked(name, true), "not resolved": checked(name, false),
		"proxy answered": checked(proxy, true), "proxy silent": checked(proxy, false),
		"guard denied": guarded(Denied), "guard granted": guarded(Granted),
		"no route": link(LinkNoRoute), "no proxy": link(LinkProxy),
	}
	for i := range seen {
		modelProbe(model, seen, seen[i].Probe)
	}
	return model
}

// modelProbe adds the times that a memory must have for a probe: its last success, its first failure, and the first refusal since its last
// success.
func modelProbe(model map[string]time.Time, seen []Observation, probe string) {
	var accepted, since, denied time.Time
	for i := range seen {
		if o := &seen[i]; o.Probe == probe && o.Outcome == Good {
			accepted = later(accepted, o.Start)
		}
	}
	for i := range seen {
		o := &seen[i]
		if o.Probe != probe || o.Outcome < Refused || o.Outcome > Granted {
			continue
		}
		since = earlier(since, o.End)
		if f := failureOf(o); f.isDenial() && f.end.After(accepted) {
			denied = earlier(denied, o.End)
		}
	}
	model[probe+" accepted"], model[probe+" since"], model[probe+" denied"] = accepted, since, denied
}

// TestTheMemoryMatchesTheModel adds random observations one after another. The memory must have the times that the model computes from all.
func TestTheMemoryMatchesTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 3000 {
		seen := someObservations(random, docsBegin)
		m := newMemory()
		for i := range seen {
			m.add(&seen[i])
		}
		got := map[string]time.Time{
			"answered": m.answered, "everywhere": m.everywhere, "reached": m.reached.At, "not reached": m.notReached.At,
			"resolved": m.resolved.At, "not resolved": m.notResolved.At, "proxy answered": m.proxyAnswered.At, "proxy silent": m.proxySilent.At,
			"guard denied": m.guardDenied, "guard granted": m.guardGranted, "no route": m.links[LinkNoRoute], "no proxy": m.links[LinkProxy],
		}
		for name, h := range m.probes {
			if len(h.failures) == maxFailures {
				continue // the memory has forgotten older ones
			}
			got[name+" accepted"], got[name+" since"], got[name+" denied"] = h.accepted, h.since, h.denied
		}
		for what, want := range modelOf(seen) {
			if at, known := got[what]; known && !at.Equal(want) {
				t.Fatalf("round %d: %s: want %v, got %v, seen: %+v", round, what, want, at, seen)
			}
		}
	}
}
