package probe

import (
	"net/http"
	"sync"
	"time"
)

// standings are what each probe last got with a key, so that a refused key can be told from an API that refuses good ones. They
// belong to the key: a reload that takes it over takes them along.
type standings struct {
	mu       sync.Mutex
	probes   map[string]standing
	accepted time.Time // when the key was last asked for by a probe that then got through
}

// standing is what a probe last got.
type standing struct {
	said  saying
	asked time.Time
	known time.Time // when the run had ended
	since time.Time // known of the first refusal in a row
}

// saying is what an answer says of a key.
type saying uint8

const (
	saysNothing saying = iota // such as a 500
	saysRefused
	saysAccepted
)

// compared is a credential that cannot be renewed, but compared across probes.
type compared interface {
	note(r *Result)
	blame(r *Result, walls *walls) Blame
}

var _ compared = apiKey{}

// worthWaiting is how long a probe that got through with a key is waited for once others are refused: one that runs rarely must
// not keep everybody in the dark.
const worthWaiting = 5 * time.Minute

// note takes a result. One without a complete answer says nothing, nor does a 401 that is expected whatever the key.
func (s *standings) note(r *Result) {
	if r.Class == ClassNone || r.Class.IsTransport() || (r.Expected && r.Code == http.StatusUnauthorized) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.probes[r.Probe]
	now := standing{asked: r.Attempts[len(r.Attempts)-1].Start, known: r.End, since: r.End}
	switch {
	case r.Code == http.StatusUnauthorized:
		now.said = saysRefused
		if last.said == saysRefused {
			now.since = last.since
		}
	case r.Expected, r.Class == Success:
		now.said = saysAccepted
		if now.asked.After(s.accepted) {
			s.accepted = now.asked
		}
	}
	s.probes[r.Probe] = now
}

// blame compares a refusal with what other probes got with the same key. When one was asked since it is refused here, and got
// through, it is the API. When all are refused, and strangers are kept out as they must be, it is the key; where nobody looks
// at strangers, another that was refused since the key last served must do. Else nobody knows.
func (s *standings) blame(r *Result, walls *walls) Blame {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	since := now
	if own := s.probes[r.Probe]; own.said == saysRefused {
		since = own.since
	}
	confirmed, undecided, alone := false, false, true
	for name, other := range s.probes {
		switch {
		case name == r.Probe:
		case other.said == saysRefused:
			confirmed = confirmed || other.since.After(s.accepted)
		case other.said == saysAccepted && other.asked.After(since):
			return BlameAPI
		case now.Sub(other.known) > worthWaiting:
		case other.said == saysAccepted:
			undecided = true // its next run will tell
		default:
			alone = false
		}
	}
	seen, stand := walls.stand()
	if !undecided && stand && (confirmed || alone && seen) {
		return BlameCredential
	}
	return BlameUnknown
}

// walls are the probes that keep strangers out, and whether each was last refused as it must be.
type walls struct {
	mu     sync.Mutex
	stands map[string]bool
}

// note takes a result of one. That it got no answer is no wall either.
func (w *walls) note(r *Result) {
	if r.Class == ClassNone {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stands == nil {
		w.stands = map[string]bool{}
	}
	w.stands[r.Probe] = r.Expected
}

// stand reports whether there are walls, as far as was seen, and whether all of them stand.
func (w *walls) stand() (seen, stand bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, stands := range w.stands {
		if !stands {
			return true, false
		}
	}
	return len(w.stands) > 0, true
}

// learn notes what a result says of the probe's key, or of the wall that keeps strangers out.
func (j *Job) learn(r *Result) {
	switch key := j.credential.(type) {
	case compared:
		key.note(r)
	case noCredential:
		if j.probe.Guards == GuardAccess {
			j.runner.walls.note(r)
		}
	}
}
