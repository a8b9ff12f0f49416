package probe

import (
	"context"
	"fmt"
)

// evaluate sets the class of the result, whether it is expected, and why not.
func (x *run) evaluate(ctx context.Context) {
	j, result := x.job, x.result
	result.Expected, result.Breach, result.Reason, result.Excerpt = false, false, "", ""
	last := &result.Attempts[len(result.Attempts)-1]
	result.Class, result.Code = last.Class, x.got.code
	if result.Class == ClassNone {
		result.Reason = "stopped by the shutdown of squarewatch"
		return
	}
	seen := observation{
		result: result, last: last, header: x.got.header, body: x.got.body.Bytes(),
		timeout: j.probe.Timeout, redirect: x.refusal, secrets: j.runner.secrets,
	}
	result.Expected = true
	for _, check := range j.checks {
		if result.Reason = check(ctx, &seen); result.Reason != "" {
			result.Expected = false
			break
		}
	}
	if j.breachedByHead(last) {
		result.Expected, result.Breach = false, true
		result.Reason = fmt.Sprintf("access was granted with %d; %s", last.Code, explain(last.Class, last, j.probe.Timeout))
		return
	}
	if result.Expected && x.authError != nil && j.needsCredential {
		result.Expected = false
		result.Reason = "no credential was available; the request was sent without one"
	}
	if result.Expected {
		return
	}
	if x.authError != nil {
		result.Reason += "; " + x.authError.Error()
	}
	if !result.Class.IsTransport() {
		result.Excerpt = j.runner.secrets.Excerpt(seen.body)
	}
	result.Breach = j.probe.Guards == GuardAccess && result.Class == Success
}

// breachedByHead reports whether a guarded probe got the head of a 2xx answer that it does not expect, but not the whole body. A look may
// correct such a breach; see correctCutBreach.
func (j *Job) breachedByHead(last *Attempt) bool {
	head := Outcome{Class: ClassOfStatus(last.Code), Code: last.Code}
	return j.probe.Guards == GuardAccess && last.Class.IsTransport() && head.Class == Success && !MatchAny(j.probe.Expect.Status, head)
}
