package probe

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"squarewatch/probe/blame"
	"squarewatch/probe/redact"
)

// withoutCredentialLook is the look that asks whether an endpoint answers without a credential too. Such an endpoint accepts every
// credential, so its answers do not prove that a credential is good. The runs of probes without a credential show the same of their
// endpoints.
type withoutCredentialLook struct {
	judge  *blame.Judge
	checks memo[access]

	mu   sync.Mutex
	jobs map[string]*Job   // by the name of the probe
	open map[string]served // by endpoint: the last answer to a probe without a credential
}

// served is whether an endpoint answered a probe without a credential.
type served struct {
	at  time.Time
	yes bool
}

// access is what an endpoint answered to a request without a credential.
type access struct {
	code int // 0 without an answer
	err  error
	span SpanID
}

// endpoint returns what two probes of the same endpoint have in common.
func (j *Job) endpoint() string { return j.request.method + " " + j.request.url.RequestURI() }

// add registers a job whose endpoint may be asked later.
func (w *withoutCredentialLook) add(j *Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs[j.probe.Name] = j
}

// learn stores what a run shows of its endpoint without a credential, and passes it to the judge.
func (w *withoutCredentialLook) learn(x *run, o *blame.Observation) {
	j := x.job
	switch {
	case j.credential == "" && (o.Outcome == blame.Good || o.Outcome == blame.Denied || o.Outcome == blame.Refused):
		w.mu.Lock()
		w.open[j.endpoint()] = served{o.End, o.Outcome == blame.Good}
		w.mu.Unlock()
	case j.credential != "" && x.authError != nil && x.sent.Get("Authorization") == "" && x.result.Class == Success:
		w.judge.ServesWithoutCredential(j.probe.Name, true, o.End)
	}
}

// wanted reports whether a credential is refused.
func (w *withoutCredentialLook) wanted(_ *run, o *blame.Observation) bool {
	return o.Credential != "" && (o.Outcome == blame.Refused || o.Outcome == blame.Forbidden)
}

// ask asks the endpoint of a witness, which accepted the credential, without a credential. It asks only with methods that change
// nothing: RFC 9110, section 9.2.1.
func (w *withoutCredentialLook) ask(ctx context.Context, x *run, o *blame.Observation) []Look {
	name := w.judge.Witness(o.Credential, o.End)
	w.mu.Lock()
	witness := w.jobs[name]
	if witness == nil {
		w.mu.Unlock()
		return nil
	}
	open := w.open[witness.endpoint()]
	w.mu.Unlock()
	switch {
	case !open.at.IsZero() && o.End.Sub(open.at) <= blame.ServedAge:
		w.judge.ServesWithoutCredential(name, open.yes, open.at)
		return nil
	case witness.request.method != http.MethodGet && witness.request.method != http.MethodHead:
		return nil
	}
	checked, asked := w.checks.ask(ctx, name, func(last seen[access]) bool { return time.Since(last.end) < targetPause },
		func(ctx context.Context) access { return witness.requestWithoutCredential(ctx, x) })
	if !asked {
		return nil
	}
	look := Look{
		Kind: LookWithoutCredential, Span: checked.what.span, Start: checked.start, End: checked.end,
		Passed: ClassOfStatus(checked.what.code) == Success,
		Text:   fmt.Sprintf("without a credential, %s answers %d", witness.display, checked.what.code),
	}
	switch class := ClassOfStatus(checked.what.code); {
	case checked.what.err != nil:
		look.Text = fmt.Sprintf("%s did not answer: %s", witness.display, x.job.runner.secrets.Error(checked.what.err))
	case class != ServerError && class != RateLimited: // these say nothing about access
		w.judge.ServesWithoutCredential(name, look.Passed, checked.end)
	}
	return []Look{look}
}

// requestWithoutCredential requests the endpoint of a job without its credential and its other secrets.
func (j *Job) requestWithoutCredential(ctx context.Context, x *run) access {
	header := maps.Clone(j.header)
	for name := range header {
		if redact.SecretHeader(name) {
			delete(header, name)
		}
	}
	got, _, span, err := j.runner.get(ctx, x, request{method: j.request.method, url: j.request.url, host: j.host}, header)
	return access{code: got.code, err: err, span: span}
}
