package probe

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
)

// poster makes a POST of JSON to the target for a renewal. It sets the span of the renewal.
type poster func(ctx context.Context, path string, body []byte, r *Renewal) (status int, answer []byte, err error)

// postJSON is the runner's poster. It uses a fresh connection and has the same limits as an attempt of a probe.
func (r *Runner) postJSON(ctx context.Context, path string, body []byte, renewal *Renewal) (int, []byte, error) {
	target, err := r.options.Target.Parse(path)
	if err != nil {
		return 0, nil, fmt.Errorf("%q is not a path on the target", path)
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {r.options.UserAgent}}
	renewal.Span = r.options.Identifiers.NewAttempt(renewal.Trace, header)
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := &stopwatch{cancel: cancel, resent: func() {}} // limits the connections to a server that ends every one
	got := answer{body: new(bytes.Buffer)}
	out := request{method: http.MethodPost, url: target, body: body}
	err = r.exchange(httptrace.WithClientTrace(sending, watch.hooks()), Fresh, out, header, &got, &Attempt{})
	return got.code, got.body.Bytes(), err
}
