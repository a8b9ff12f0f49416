package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
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
	got := answer{body: new(bytes.Buffer)}
	err = r.exchange(steady(sending, giveUp), Fresh, request{method: http.MethodPost, url: target, body: body}, header, &got, &Attempt{})
	return got.code, got.body.Bytes(), err
}

// steady returns a context for one exchange, that is given up when the server ends one connection after the other.
func steady(ctx context.Context, giveUp context.CancelCauseFunc) context.Context {
	var sessions atomic.Int32
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil && sessions.Add(1) > maxSessions {
				giveUp(errUnsteady)
			}
		},
	})
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
