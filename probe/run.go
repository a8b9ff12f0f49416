package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// run is one execution of a job while it goes on.
type run struct {
	job          *Job
	result       *Result
	sent         http.Header // of the last attempt
	unauthorized error       // why the last attempt went as a stranger's, or a refused one was not repeated
	blame        Blame       // of a refusal, as far as the credential can tell
	got          answer      // the last one
	refusal      string      // why a redirect was not followed
}

// look asks the endpoint once, with one renewal when the credential is refused, and judges the answer. Each look has the
// probe's timeout, one deadline for everything in it.
func (x *run) look(ctx context.Context, cause Cause) {
	ctx = context.WithValue(ctx, askerKey{}, asker{x.result, x.job.refusable})
	ctx, cancel := context.WithTimeoutCause(ctx, x.job.probe.Timeout, errDeadline)
	defer cancel()
	x.blame = BlameNone
	x.follow(ctx, cause)
	if r, ok := x.job.credential.(renewable); ok && x.got.code == http.StatusUnauthorized && x.job.refusable {
		x.again(ctx, r)
	}
	x.judge(ctx)
	if x.unauthorized == nil && x.got.code != 0 && x.got.code != http.StatusUnauthorized {
		x.job.refusals.end()
	}
}

// again repeats a request whose credential was refused, once, if the credential can be had anew.
func (x *run) again(ctx context.Context, r renewable) {
	err := x.unauthorized
	switch {
	case err != nil:
	case x.job.refusals.hold():
		err = &renewalError{BlameAPI, "fresh tokens were refused too"}
	default:
		err = r.renew(ctx, x.sent)
	}
	if failed, ok := errors.AsType[*renewalError](err); ok {
		x.unauthorized, x.blame = err, failed.blame
		return
	}
	x.follow(ctx, CauseResend)
	if x.got.code == http.StatusUnauthorized {
		x.blame = BlameAPI
		x.job.refusals.again()
	}
}

// follow makes an attempt, and one more for each redirect that is followed.
func (x *run) follow(ctx context.Context, cause Cause) {
	next, follow := x.job.request, true
	for hops := 0; follow; hops++ {
		x.job.runner.release(x.got)
		var a Attempt
		a, x.got = x.attempt(ctx, next, cause)
		x.result.Attempts = append(x.result.Attempts, a)
		x.refusal = ""
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
			x.refusal, follow = "the redirect leads to another path, as to a page to sign in, and is not followed where access is guarded", false
		}
		cause = CauseRedirect
	}
}

// confirm looks again while the answer is unexpected and looks are left. A breach is told at once: that the next look is
// refused again makes it no better.
func (x *run) confirm(ctx context.Context) {
	c := x.job.probe.Confirm
	if c == nil {
		return
	}
	for range c.Attempts - 1 {
		if x.result.Expected || x.result.Breach || x.result.Class == ClassNone {
			return
		}
		pause := time.NewTimer(c.Delay)
		select {
		case <-pause.C:
		case <-ctx.Done(): // stopping: what was seen stands
			pause.Stop()
			return
		}
		x.look(ctx, CauseConfirm)
	}
}
