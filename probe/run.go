package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// run is the state of one execution of a job. Only one goroutine uses it.
type run struct {
	job        *Job
	result     *Result
	sent       http.Header     // of the last attempt
	authError  error           // why the last attempt had no credential, or was not repeated with a new one
	got        answer          // of the last attempt
	credential CredentialState // after the last attempt
	err        error           // why the last attempt has no complete answer
	refusal    string          // why a redirect was not followed
	shortage   bool            // the last attempt, or the renewal that it needed, failed because we ran out of something
}

// try requests the endpoint once and evaluates the answer. When the API refuses a renewable credential, the request is
// repeated once with a new one. All attempts of a try share one deadline, the probe's timeout.
func (x *run) try(ctx context.Context, cause Cause) {
	ctx, cancel := context.WithTimeoutCause(ctx, x.job.probe.Timeout, errDeadline)
	defer cancel()
	x.follow(ctx, cause)
	if x.job.renewable && x.job.needsCredential && x.got.code == http.StatusUnauthorized {
		x.renewAndRepeat(ctx)
	}
	x.evaluate(ctx)
	if x.authError == nil && x.got.code != 0 && x.got.code != http.StatusUnauthorized {
		x.job.pause.end()
	}
}

// authRequest returns what the session needs to know about the last request.
func (x *run) authRequest() AuthRequest {
	return AuthRequest{
		Header: x.sent, Trace: x.result.Trace, Span: x.result.Span, Start: x.result.Start, RenewExpiring: x.job.needsCredential,
	}
}

// setAuth records what the session did.
func (x *run) setAuth(did AuthResult, err error) {
	x.authError, x.shortage = err, did.Shortage
	x.result.AskedRenewal = x.result.AskedRenewal || did.RenewalAsked
}

// renewAndRepeat renews the refused credential and repeats the request once. Without a new credential it does not repeat it.
func (x *run) renewAndRepeat(ctx context.Context) {
	switch {
	case errors.Is(x.authError, errSlowLogin): // a run waits once
		return
	case x.authError == nil && x.job.pause.active():
		x.authError = errors.New("new tokens were refused too")
		return
	}
	x.setAuth(x.job.session.Renew(ctx, x.authRequest()))
	if x.authError != nil {
		return
	}
	x.follow(ctx, CauseResend)
	if x.got.code == http.StatusUnauthorized {
		x.job.pause.extend()
	}
}

// follow makes an attempt, one more for each redirect that it follows, and one more if the server asks for HTTP/1.1.
func (x *run) follow(ctx context.Context, cause Cause) {
	next, follow := x.job.request, true
	next.http1 = x.job.http1.Load()
	for hops := 0; follow; hops++ {
		x.job.runner.release(x.got)
		var a Attempt
		a, x.got = x.attempt(ctx, next, cause)
		x.result.Attempts = append(x.result.Attempts, a)
		x.refusal = ""
		if requiresHTTP1(x.err) && !next.http1 {
			x.job.http1.Store(true) // the next run begins with HTTP/1.1
			next.http1, cause = true, CauseRetry
			continue
		}
		if a.Class != Redirect {
			return
		}
		if hops == maxRedirects {
			x.refusal = fmt.Sprintf("%d redirects were followed and none led to an answer", maxRedirects)
			return
		}
		from := next
		next, x.refusal, follow = redirect(from, x.got, x.job.runner.secrets)
		if follow && x.job.probe.Guards == GuardAccess && !sameEndpoint(from.url, next.url) {
			x.refusal, follow = "the redirect leads to another path, for example a login page; a guarded probe does not follow it", false
		}
		cause = CauseRedirect
	}
}

// confirm tries again until the answer is expected or no tries are left. It never repeats a breach: a later refusal would not
// undo it. A server that asks for a longer pause than the delay is not asked again.
func (x *run) confirm(ctx context.Context) {
	c := x.job.probe.Confirm
	if c == nil {
		return
	}
	for range c.Attempts - 1 {
		if x.result.Expected || x.result.Breach || x.result.Class == ClassNone {
			return
		}
		if retryAfter(x.got.header.Get("Retry-After"), time.Now()) > c.Delay {
			return
		}
		pause := time.NewTimer(c.Delay)
		select {
		case <-pause.C:
		case <-ctx.Done(): // squarewatch stops; the last answer counts
			pause.Stop()
			return
		}
		x.try(ctx, CauseConfirm)
	}
}
