package otel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"squarewatch/alert/outbox"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// longestPause bounds what a collector may ask for: a slip in the settings of a proxy, or a date by a clock that is wrong, must
// not silence telemetry for a day, while the spool fills.
const longestPause = 5 * time.Minute

// pause is a time in which a collector has asked to be sent nothing. The exporters obey only within an export, and what comes
// after it, like a try of the spool, would be the next request.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *pause) begin(length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(min(length, longestPause))
}

// check returns an error while the pause goes on.
func (p *pause) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Until(p.until) <= 0 {
		return nil
	}
	return fmt.Errorf("the collector has asked to be sent nothing until %s", p.until.UTC().Format(time.RFC3339))
}

// intercept obeys a collector over gRPC.
func (p *pause) intercept(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if err := p.check(); err != nil {
		return status.Error(codes.ResourceExhausted, err.Error()) // which the exporter does not try again by itself
	}
	err := invoke(ctx, method, request, reply, conn, options...)
	for _, detail := range status.Convert(err).Details() {
		if asked, ok := detail.(*errdetails.RetryInfo); ok {
			p.begin(asked.GetRetryDelay().AsDuration())
		}
	}
	return err
}

// transport sends requests to a collector over HTTP, and sees to it that its answers are what they seem.
type transport struct {
	http.RoundTripper
	pause pause
}

// RoundTrip sends nothing while the collector wants a pause, and returns an error for a success that is none.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.pause.check(); err != nil {
		return nil, errors.Join(err, r.Body.Close())
	}
	answer, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		t.pause.begin(outbox.RetryAfter(answer.Header.Get("Retry-After"), time.Now()))
	}
	if err := genuine(answer); err != nil {
		return nil, errors.Join(err, answer.Body.Close())
	}
	return answer, nil
}

// genuine returns an error for a page that says 2xx: another server's on this port, or the sign-in page of a proxy, which have
// taken nothing. A collector answers in the form of OTLP, or with an empty body, which some send under any type or none.
func genuine(answer *http.Response) error {
	kind := answer.Header.Get("Content-Type")
	form, _, _ := mime.ParseMediaType(kind) // empty when it cannot be read
	if answer.StatusCode/100 != 2 || form == "application/x-protobuf" || form == "application/json" {
		return nil
	}
	_, err := io.ReadFull(answer.Body, make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return fmt.Errorf("%s with a body of type %q is no answer of a collector; see what listens there", answer.Status, kind)
}
