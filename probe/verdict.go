package probe

import (
	"context"
)

// judge gives the result its class and its verdict.
func (j *Job) judge(ctx context.Context, result *Result, got answer, refusal string) {
	last := &result.Attempts[len(result.Attempts)-1]
	result.Class, result.Code = last.Class, last.Code
	if result.Class == ClassNone {
		result.Reason = "stopped by our own shutdown"
		return
	}
	seen := observation{result: result, last: last, body: got.body.Bytes(), timeout: j.probe.Timeout, redirect: refusal}
	result.Expected = true
	for _, check := range j.checks {
		if result.Reason = check(ctx, &seen); result.Reason != "" {
			result.Expected = false
			break
		}
	}
	if result.Expected {
		return
	}
	if !result.Class.IsTransport() {
		result.Excerpt = excerpt(seen.body)
	}
	result.Breach = j.probe.Guards == GuardAccess && result.Class == Success
}
