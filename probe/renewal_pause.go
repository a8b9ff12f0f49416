package probe

import (
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// renewalPause limits renewals for one probe whose endpoint refuses new tokens too. Another token does not help such a probe,
// so the pauses grow from one minute to one hour until the API accepts a token. Other probes with the credential are not
// affected.
type renewalPause struct {
	mu      sync.Mutex
	backoff *backoff.ExponentialBackOff // nil while the API accepts tokens
	until   time.Time
}

// extend starts a pause after a new token was refused. It is longer than the last one.
func (p *renewalPause) extend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backoff == nil {
		p.backoff = backoff.NewExponentialBackOff()
		p.backoff.InitialInterval, p.backoff.MaxInterval, p.backoff.RandomizationFactor, p.backoff.Multiplier = youngToken, time.Hour, 0, 2
	}
	p.until = time.Now().Add(p.backoff.NextBackOff())
}

// end ends the pauses, after the API accepted a token.
func (p *renewalPause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backoff, p.until = nil, time.Time{}
}

// active reports whether no renewal should be made now.
func (p *renewalPause) active() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.until)
}
