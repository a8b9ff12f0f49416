package probe

import (
	"net/http"
	"sync"
	"time"
)

// keyResults remembers each probe's last result with an API key, to tell a bad key from a broken API. It belongs to the key,
// so it survives a reload that keeps the key.
type keyResults struct {
	mu       sync.Mutex
	probes   map[string]keyResult
	accepted time.Time // start of the last request that the API accepted with this key
}

// keyResult is the last result of one probe.
type keyResult struct {
	meaning      keyMeaning
	asked        time.Time // start of the last attempt
	ended        time.Time // end of the run
	refusedSince time.Time // end of the first run of an unbroken series of refusals
}

// keyMeaning is what a result proves about a key.
type keyMeaning uint8

const (
	keyUnclear keyMeaning = iota // for example after a 500
	keyRefused
	keyAccepted
)

// maxResultAge limits how long an accepted key keeps the blame undecided after other probes were refused. A probe that runs
// rarely must not delay the answer for all others.
const maxResultAge = 5 * time.Minute

// observe remembers a result. It ignores a result without a complete answer, and a 401 that the probe expects with any key:
// both prove nothing about the key.
func (k *keyResults) observe(r *Result) {
	if r.Class == ClassNone || r.Class.IsTransport() || (r.Expected && r.Code == http.StatusUnauthorized) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	last := k.probes[r.Probe]
	now := keyResult{asked: r.Attempts[len(r.Attempts)-1].Start, ended: r.End, refusedSince: r.End}
	switch {
	case r.Code == http.StatusUnauthorized:
		now.meaning = keyRefused
		if last.meaning == keyRefused {
			now.refusedSince = last.refusedSince
		}
	case r.Expected, r.Class == Success:
		now.meaning = keyAccepted
		if now.asked.After(k.accepted) {
			k.accepted = now.asked
		}
	}
	k.probes[r.Probe] = now
}

// blame says whose fault it is that a probe got 401 with the key. It compares the other probes that use the key:
//
//   - The API accepted the key from another probe after it began to refuse it here: the API is to blame.
//   - No probe is accepted, and guarded probes are refused as they must be: the key is to blame. Without a guarded probe, a
//     second probe that was refused after the key last worked is needed.
//   - Anything else is BlameUnknown.
func (k *keyResults) blame(probe string, now time.Time, guarded *guardedResults) Blame {
	k.mu.Lock()
	defer k.mu.Unlock()
	refusedSince := now
	if own := k.probes[probe]; own.meaning == keyRefused {
		refusedSince = own.refusedSince
	}
	confirmed, undecided, alone := false, false, true
	for name, other := range k.probes {
		switch {
		case name == probe:
		case other.meaning == keyRefused:
			confirmed = confirmed || other.refusedSince.After(k.accepted)
		case other.meaning == keyAccepted && other.asked.After(refusedSince):
			return BlameAPI
		case now.Sub(other.ended) > maxResultAge:
		case other.meaning == keyAccepted:
			undecided = true // until its next run
		default:
			alone = false
		}
	}
	seen, refused := guarded.allRefused()
	if !undecided && refused && (confirmed || alone && seen) {
		return BlameCredential
	}
	return BlameUnknown
}

// guardedResults remembers whether each guarded probe without credentials was last refused, as it must be. If one is not, the
// API does not check credentials properly, and a 401 proves nothing about a key.
type guardedResults struct {
	mu      sync.Mutex
	refused map[string]bool
}

// observe remembers the result of a guarded probe. No answer does not prove that access is denied.
func (g *guardedResults) observe(r *Result) {
	if r.Class == ClassNone {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil {
		g.refused = map[string]bool{}
	}
	g.refused[r.Probe] = r.Expected
}

// allRefused reports whether any guarded probe has run, and whether all of them were refused. Without any it returns false, true.
func (g *guardedResults) allRefused() (seen, refused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, refused := range g.refused {
		if !refused {
			return true, false
		}
	}
	return len(g.refused) > 0, true
}
