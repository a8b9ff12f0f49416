package blame

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxEvidence is how many pieces of evidence a verdict has.
const maxEvidence = 4

const (
	// enough is the weight that a culprit needs.
	enough = 10
	// margin is how far that weight must be above the weight of every other culprit.
	margin = 5
)

// Judge remembers the observations of the last minutes and gives verdicts. It is safe for concurrent use. All runners of a process share
// one, so that a reload keeps the observations.
type Judge struct {
	mu     sync.Mutex
	memory memory
}

// NewJudge returns a judge that has seen nothing.
func NewJudge() *Judge { return &Judge{memory: newMemory()} }

// Observe remembers what a run shows. The order of observations makes no difference.
func (j *Judge) Observe(o *Observation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory.add(o)
}

// Verdict returns who caused the failure of a run. It uses everything that was observed until now: observe the run first. The culprit is
// [None] for a run that did not fail.
func (j *Judge) Verdict(o *Observation) Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.memory.keptVerdict(o)
	if kept != nil && o.End.Sub(kept.at).Abs() < keepVerdict {
		return kept.verdict
	}
	points := j.memory.weigh(o)
	if points == nil {
		return Verdict{}
	}
	verdict := decide(points)
	if verdict.Culprit == Unknown {
		verdict.Advice = j.memory.advise(o)
	}
	if kept != nil {
		kept.at, kept.verdict = o.End, verdict
	}
	return verdict
}

// Forget removes what was observed of a credential. Call it when another secret has taken its place.
func (j *Judge) Forget(credential string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory.forget(credential)
}

// ForgetProbe removes what was observed of a probe. Call it when the probe is gone, or asks something else.
func (j *Judge) ForgetProbe(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory.forgetProbe(name)
}

// ForgetAll removes everything that was observed. Call it when the probes ask another target.
func (j *Judge) ForgetAll() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory = newMemory()
}

// Witness returns the name of a probe that was accepted with a credential after another probe was refused with it; empty for none. It
// skips probes if the judge knows, at that time, whether their endpoint checks credentials. The caller finds that out for the returned
// probe, and reports it with ServesWithoutCredential.
func (j *Judge) Witness(credential string, at time.Time) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.memory.unprovenWitness(credential, at)
}

// ServesWithoutCredential records whether the endpoint of a probe answered without a credential at a time. If it did, the probe does not
// show that a credential is good. The record is valid for [ServedAge], because a release of the API may change what the endpoint requires.
func (j *Judge) ServesWithoutCredential(probe string, yes bool, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory.learnServed(probe, served{at, yes})
}

// point is one piece of evidence with its weight.
type point struct {
	Evidence

	weight int
}

// weigh returns the evidence about a failure; nil for a run that did not fail.
func (m *memory) weigh(o *Observation) []point {
	switch o.Outcome {
	case Shortage:
		return []point{{Evidence{Watcher, "squarewatch or its machine ran out of descriptors, ports, buffers or memory", o.End}, 100}}
	case NotResolved, NotConnected, NotAnswered:
		return m.weighSilence(o)
	case ServerError, GatewayError:
		return m.weighServerErrors(o)
	case Refused, Forbidden:
		return m.weighRefusal(o)
	case WrongAnswer, Granted:
		return m.weighWrongAnswer(o)
	case Other, Good, Denied:
	}
	return nil
}

// decide adds up the weights and returns the culprit with the largest sum, with the evidence against it. If no culprit is clearly ahead, it
// returns [Unknown] with the strongest evidence against any of them.
func decide(points []point) Verdict {
	sums := map[Culprit]int{}
	for _, p := range points {
		sums[p.For] += p.weight
	}
	culprit, first, second := Unknown, 0, 0
	for c, sum := range sums {
		switch {
		case sum > first:
			culprit, first, second = c, sum, first
		case sum > second:
			second = sum
		}
	}
	if first < enough || first-second < margin {
		culprit = Unknown
	}
	slices.SortStableFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.Text, b.Text), a.At.Compare(b.At))
	})
	verdict := Verdict{Culprit: culprit}
	for _, p := range points {
		if (culprit == Unknown || p.For == culprit) && len(verdict.Evidence) < maxEvidence {
			verdict.Evidence = append(verdict.Evidence, p.Evidence)
		}
	}
	return verdict
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier returns the earlier of two times. It ignores the first one if that is zero.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
