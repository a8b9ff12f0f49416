package probe

import (
	"net/http"
	"sync"
	"time"
)

// standings remembers what each probe last got with each credential, so that a refused key can be told from an API that
// refuses good ones.
type standings struct {
	mu    sync.Mutex
	keys  map[string]*keyStanding // by credential
	walls map[string]bool         // by probe that keeps strangers out: whether the last one was refused as it must be
}

// keyStanding is what the probes of one credential got.
type keyStanding struct {
	probes   map[string]standing
	accepted time.Time // when it was last asked by one that then got through
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

// worthWaiting is how long a probe that got through with a key is waited for once others are refused: one that runs rarely must
// not keep everybody in the dark.
const worthWaiting = 5 * time.Minute

// note takes a result. One without a complete answer says nothing of a key, but that a wall is not seen to stand.
func (s *standings) note(r *Result, guards bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Class == ClassNone:
	case guards && r.Credential == "":
		if s.walls == nil {
			s.walls = map[string]bool{}
		}
		s.walls[r.Probe] = r.Expected
	case r.Credential != "" && !r.Class.IsTransport():
		s.put(r)
	}
}

// put replaces a probe's standing. The lock is held.
func (s *standings) put(r *Result) {
	if r.Expected && r.Code == http.StatusUnauthorized {
		return // whatever the key
	}
	if s.keys == nil {
		s.keys = map[string]*keyStanding{}
	}
	key := s.keys[r.Credential]
	if key == nil {
		key = &keyStanding{probes: map[string]standing{}}
		s.keys[r.Credential] = key
	}
	last := key.probes[r.Probe]
	now := standing{asked: r.Attempts[len(r.Attempts)-1].Start, known: r.End, since: r.End}
	switch {
	case r.Code == http.StatusUnauthorized:
		now.said = saysRefused
		if last.said == saysRefused {
			now.since = last.since
		}
	case r.Expected, r.Class == Success:
		now.said = saysAccepted
		if now.asked.After(key.accepted) {
			key.accepted = now.asked
		}
	}
	key.probes[r.Probe] = now
}

// blame compares a refusal with what other probes got with the same key. When one was asked since it is refused here, and got
// through, it is the API. When all are refused, and strangers are kept out as they must be, it is the key; where nobody looks
// at strangers, another that was refused since the key last served must do. Else nobody knows.
func (s *standings) blame(r *Result) Blame {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	key := s.keys[r.Credential]
	if key == nil {
		key = &keyStanding{}
	}
	since := now
	if own := key.probes[r.Probe]; own.said == saysRefused {
		since = own.since
	}
	confirmed, undecided, alone := false, false, true
	for name, other := range key.probes {
		switch {
		case name == r.Probe:
		case other.said == saysRefused:
			confirmed = confirmed || other.since.After(key.accepted)
		case other.said == saysAccepted && other.asked.After(since):
			return BlameAPI
		case now.Sub(other.known) > worthWaiting:
		case other.said == saysAccepted:
			undecided = true // its next run will tell
		default:
			alone = false
		}
	}
	if !undecided && s.wallsStand() && (confirmed || alone && len(s.walls) > 0) {
		return BlameCredential
	}
	return BlameUnknown
}

// wallsStand reports whether no wall was seen that lets strangers in, or does not answer. The lock is held.
func (s *standings) wallsStand() bool {
	for _, stands := range s.walls {
		if !stands {
			return false
		}
	}
	return true
}
