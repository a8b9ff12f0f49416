package probe

import (
	"net/http"
	"sync"
	"time"
)

// standings remembers what each probe last got with each credential, so that a refused key can be told from an API that
// refuses good ones.
type standings struct {
	mu      sync.Mutex
	probes  map[string]map[string]standing // by credential and probe
	control bool                           // whether a probe that guards access was last refused as it must be
}

// standing is what a probe last got.
type standing struct {
	at      time.Time
	refused bool
	since   time.Time // of the first refusal in a row
}

// note takes a result that came with a complete answer.
func (s *standings) note(r *Result, guards bool) {
	if r.Class == ClassNone || r.Class.IsTransport() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case guards && r.Credential == "":
		s.control = r.Expected
	case r.Credential != "":
		s.put(r)
	}
}

// put replaces a probe's standing. The lock is held.
func (s *standings) put(r *Result) {
	if s.probes == nil {
		s.probes = map[string]map[string]standing{}
	}
	probes := s.probes[r.Credential]
	if probes == nil {
		probes = map[string]standing{}
		s.probes[r.Credential] = probes
	}
	now := standing{at: r.End, refused: !r.Expected && r.Code == http.StatusUnauthorized, since: r.End}
	if last, ok := probes[r.Probe]; ok && last.refused && now.refused {
		now.since = last.since
	}
	probes[r.Probe] = now
}

// blame compares a refusal with what other probes got with the same key since it began. When one of them still got
// through it is the API; when all were refused, it is the key; before there is anything to compare, nobody knows. A key
// that only one probe uses is compared with the wall that keeps strangers out: while that stands, the key is to blame.
func (s *standings) blame(r *Result) Blame {
	s.mu.Lock()
	defer s.mu.Unlock()
	probes := s.probes[r.Credential]
	since := r.Start
	if own, ok := probes[r.Probe]; ok && own.refused {
		since = own.since
	}
	others, refused := 0, 0
	for name, other := range probes {
		if name == r.Probe {
			continue
		}
		others++
		switch {
		case other.refused:
			refused++
		case other.at.After(since):
			return BlameAPI
		}
	}
	if refused > 0 || (others == 0 && s.control) {
		return BlameCredential
	}
	return BlameUnknown
}
