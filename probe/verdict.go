package probe

import (
	"context"
	"fmt"
	"net/http"
)

// judge gives the result its class and its verdict.
func (x *run) judge(ctx context.Context) {
	j, result := x.job, x.result
	result.Expected, result.Breach, result.Reason, result.Excerpt, result.Blame = false, false, "", "", BlameNone
	last := &result.Attempts[len(result.Attempts)-1]
	result.Class, result.Code = last.Class, x.got.code
	if result.Class == ClassNone {
		result.Reason = "stopped by our own shutdown"
		return
	}
	seen := observation{result: result, last: last, body: x.got.body.Bytes(), timeout: j.probe.Timeout, redirect: x.refusal, secrets: j.runner.secrets}
	result.Expected = true
	for _, check := range j.checks {
		if result.Reason = check(ctx, &seen); result.Reason != "" {
			result.Expected = false
			break
		}
	}
	if j.letIn(last) {
		result.Expected, result.Breach = false, true
		result.Reason = fmt.Sprintf("was let in, with %d; %s", last.Code, explain(last.Class, last, j.probe.Timeout))
		return
	}
	if result.Expected && x.unauthorized != nil && j.refusable {
		result.Expected = false
		result.Reason = "the credential could not be had, so this is what a stranger gets"
	}
	if result.Expected {
		return
	}
	if x.unauthorized != nil {
		result.Reason += "; " + x.unauthorized.Error()
	}
	if !result.Class.IsTransport() {
		result.Excerpt = j.runner.secrets.Excerpt(seen.body)
	}
	if result.Code == http.StatusUnauthorized && j.refusable {
		result.Blame = x.blameOf()
	}
	result.Breach = j.probe.Guards == GuardAccess && result.Class == Success
}

// letIn reports whether an answer that was cut short let somebody in where the probe guards access: who gets the head of a
// 2xx is inside, however little we saw of the rest.
func (j *Job) letIn(last *Attempt) bool {
	began := Outcome{Class: ClassOfStatus(last.Code), Code: last.Code}
	return j.probe.Guards == GuardAccess && last.Class.IsTransport() && began.Class == Success && !MatchAny(j.probe.Expect.Status, began)
}

// blameOf says whose fault an unexpected 401 is: the credential tells, where it can be renewed; a key is compared with
// what others got.
func (x *run) blameOf() Blame {
	if _, none := x.job.credential.(noCredential); none {
		return BlameAPI // strangers were let in before
	}
	if x.blame != BlameNone {
		return x.blame
	}
	if key, ok := x.job.credential.(compared); ok {
		return key.blame(x.result, &x.job.runner.walls)
	}
	return BlameUnknown
}
