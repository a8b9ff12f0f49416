package probe

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
)

// poster makes a POST of JSON to the target for a renewal, and notes its span there.
type poster func(ctx context.Context, path string, body []byte, r *Renewal) (status int, answer []byte, err error)

// postJSON is the runner's poster: fresh connections, the trace of the run that asked, and the limits of any exchange.
func (r *Runner) postJSON(ctx context.Context, path string, body []byte, renewal *Renewal) (int, []byte, error) {
	target, err := r.options.Target.Parse(path)
	if err != nil {
		return 0, nil, fmt.Errorf("the path %q is no path on the target", path)
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {r.options.UserAgent}}
	if asker := askerOf(ctx); asker.result != nil {
		renewal.Trace, renewal.Parent = asker.result.Trace, asker.result.Span
	}
	renewal.Span = r.options.Identifiers.NewAttempt(renewal.Trace, header)
	sending, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	watch := &stopwatch{giveUp: giveUp, resent: func() {}} // gives up a server that ends one connection after the other
	got := answer{body: new(bytes.Buffer)}
	err = r.exchange(httptrace.WithClientTrace(sending, watch.hooks()), Fresh, request{method: http.MethodPost, url: target, body: body}, header, &got, &Attempt{})
	return got.code, got.body.Bytes(), err
}

// asker is the run that a renewal belongs to, as its context tells.
type asker struct {
	result *Result
	renews bool // a token that the API may refuse is no use to it
}

type askerKey struct{}

// askerOf returns the run that a context belongs to; none when it belongs to none.
func askerOf(ctx context.Context) asker {
	asker, _ := ctx.Value(askerKey{}).(asker)
	return asker
}
