package probe

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// tokens are what a login has brought. Two runners share them while one follows the other: whichever begins a renewal, the
// other's runs wait for it too.
type tokens struct {
	mu       sync.Mutex
	access   token
	refresh  token
	replaced [2]token      // by them
	renewing chan struct{} // closed when the renewal that goes on has ended; nil when none does
	failure  *renewalError // of the last renewal; nil when it succeeded
	notUntil time.Time     // no renewal before, after a failure
	backoff  *backoff.ExponentialBackOff
	done     []Renewal // since they were last drained
}

// once makes sure that a renewal of held goes on, and waits for it when there must be one. All who come meanwhile wait for the
// same one, and keep half of the time that they have: a login that hangs must not make its probes time out.
func (l *login) once(ctx context.Context, held token, must bool) error {
	ended, err := l.join(ctx, held)
	if err != nil || ended == nil || !must {
		return err
	}
	patience := askTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline) / 2
	}
	waiting, enough := context.WithTimeout(ctx, patience)
	defer enough()
	select {
	case <-ended:
	case <-waiting.Done():
		return &renewalError{BlameLoginService, "the login service gave no answer in time"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil {
		return l.failure
	}
	return nil
}

// join returns what is closed when the renewal of held has ended, which it begins when none goes on; nil when held has been
// replaced already. While the last failure is fresh, it is returned instead.
func (l *login) join(ctx context.Context, held token) (ended <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.access.value.Equal(held.value) {
		return nil, nil //nolint:nilnil // nothing to wait for, and nothing wrong
	}
	if l.renewing == nil {
		if l.failure != nil && time.Now().Before(l.notUntil) {
			return nil, l.failure
		}
		l.begin(ctx)
	}
	return l.renewing, nil
}

// begin starts a renewal that outlives the run that asked for it: others wait for it too. The lock is held.
func (l *login) begin(ctx context.Context) {
	ended := make(chan struct{})
	l.renewing = ended
	if asker := askerOf(ctx); asker.result != nil {
		asker.result.AskedRenewal = true // still in the run's own goroutine
	}
	refresh := l.refresh
	l.renewals.begin(ctx, func(ctx context.Context) {
		defer close(ended)
		r := Renewal{Credential: l.name, Start: time.Now()}
		access, next, err := l.obtain(ctx, refresh, &r)
		r.End = time.Now()
		l.settle(access, next, err, r)
	})
}

// settle keeps what a renewal brought.
func (l *login) settle(access, refresh token, err *renewalError, r Renewal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewing, l.failure = nil, err
	if err != nil {
		r.Error = err.text
		r.Outcome = RenewalUnavailable
		if err.blame == BlameCredential {
			r.Outcome = RenewalRefused
		}
		l.notUntil = time.Now().Add(l.backoff.NextBackOff())
	} else {
		l.access, l.refresh, l.replaced = access, refresh, [2]token{l.access, l.refresh}
		r.Expiry = access.expiry
		l.backoff.Reset()
	}
	const kept = 100 // nobody drains while nothing runs
	if len(l.done) < kept {
		l.done = append(l.done, r)
	}
}

// renewals are those that the runs of one runner began. Each may outlive its run, for others wait for it too.
type renewals struct {
	sync.WaitGroup

	cut chan struct{} // closed when nobody waits for them any more
}

// begin starts a renewal. Of ctx it has the values, but not the end.
func (r *renewals) begin(ctx context.Context, renew func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.Go(func() {
		select {
		case <-r.cut:
			cancel()
		case <-ctx.Done():
		}
	})
	r.Go(func() {
		defer cancel()
		renew(ctx)
	})
}
