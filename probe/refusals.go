package probe

import (
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// refusals is what a probe knows that is refused with fresh tokens too: to get yet another one helps no more, and is tried less
// and less often, until the probe gets through. Others that share the credential are not held up.
type refusals struct {
	mu      sync.Mutex
	backoff *backoff.ExponentialBackOff // nil while it gets through
	until   time.Time
}

// again notes that a fresh token was refused.
func (f *refusals) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.backoff == nil {
		f.backoff = backoff.NewExponentialBackOff()
		f.backoff.InitialInterval, f.backoff.MaxInterval, f.backoff.RandomizationFactor, f.backoff.Multiplier = youngToken, time.Hour, 0, 2
	}
	f.until = time.Now().Add(f.backoff.NextBackOff())
}

// end notes that the probe got through.
func (f *refusals) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backoff, f.until = nil, time.Time{}
}

// hold reports whether it is too early for another token.
func (f *refusals) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.until)
}
