package probe

import (
	"errors"
	"sync"
	"time"
)

const (
	// wholeAgain is the number of whole answers in a row after which an answer that was cut short no longer counts.
	wholeAgain = 5
	// cutLately is how long it counts that an answer to another probe was cut short.
	cutLately = 5 * time.Minute
)

// cutAnswers remembers the probes whose answers were cut short. At a guarded endpoint the head of such an answer may say that access was
// granted. One such answer does not prove it: whatever cut the answer short may also have sent its head. Two such answers prove it, if
// other probes get whole answers.
type cutAnswers struct {
	mu     sync.Mutex
	probes map[string]*cutAnswer
}

// cutAnswer is the newest answer to a probe that was cut short.
type cutAnswer struct {
	end   time.Time
	guard bool
	whole int // whole answers in a row since then
}

// isCut reports whether the last attempt got the head of an answer, and then its body broke off or did not come in time. A body that is too
// large is not cut: squarewatch itself reads no more of it.
func (x *run) isCut() bool {
	last := x.last()
	return last.Code != 0 && last.Class.IsTransport() && !errors.Is(x.err, errTooLarge)
}

// learn remembers whether the answer to a run was cut short.
func (c *cutAnswers) learn(x *run) {
	name := x.job.probe.Name
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.isCut() {
		c.probes[name] = &cutAnswer{end: x.last().End, guard: x.job.probe.Guards == GuardAccess}
		return
	}
	known := c.probes[name]
	if known == nil || x.last().Class.IsTransport() {
		return
	}
	if known.whole++; known.whole >= wholeAgain {
		delete(c.probes, name)
	}
}

// whyNotGranted returns why an answer to a guarded probe that was cut short does not show that access was granted; empty if it does.
func (c *cutAnswers) whyNotGranted(x *run) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, other := range c.probes {
		if !other.guard && x.last().End.Sub(other.end) <= cutLately {
			return "answers to other probes are cut short too, so it does not show that access was granted"
		}
	}
	if c.probes[x.job.probe.Name] == nil {
		return "it does not show yet that access was granted: the next run decides"
	}
	return ""
}
