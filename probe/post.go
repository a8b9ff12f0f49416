package probe

import (
	"context"
	"fmt"
	"net/http"
)

// poster makes a POST of JSON to the target for a renewal. It sets the span of the renewal.
type poster func(ctx context.Context, path string, body []byte, r *Renewal) (answer, error)

// postJSON is the runner's poster. It uses a fresh connection and has the same limits as an attempt of a probe.
func (r *Runner) postJSON(ctx context.Context, path string, body []byte, renewal *Renewal) (answer, error) {
	target, err := resolve(r.options.Target, path)
	if err != nil {
		return answer{}, fmt.Errorf("%q is not a path on the target", path)
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {r.options.UserAgent}}
	renewal.Span = r.options.Identifiers.NewAttempt(renewal.Trace, header)
	got, _, err := r.requestOnce(ctx, request{method: http.MethodPost, url: target, body: body}, header)
	return got, err
}
