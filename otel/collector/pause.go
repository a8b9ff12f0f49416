package collector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxPause limits the pause that a collector may ask for. A wrong setting of a proxy, or a date by a wrong clock, must not stop telemetry
// for a day while the spool fills.
const maxPause = 5 * time.Minute

// pause is a time during which a collector wants no requests. The exporters respect it only within one export. The next export, or the
// next try of the spool, would ignore it.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

// begin starts a pause of the given length, or of maxPause if that is shorter.
func (p *pause) begin(length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(min(length, maxPause))
}

// check returns an error during the pause.
func (p *pause) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Until(p.until) <= 0 {
		return nil
	}
	return fmt.Errorf("the collector asked for no requests until %s", p.until.UTC().Format(time.RFC3339))
}

// intercept is a gRPC client interceptor. It sends nothing during a pause, and begins a pause when a response holds RetryInfo
// (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling).
func (p *pause) intercept(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	if err := p.check(); err != nil {
		return status.Error(codes.ResourceExhausted, err.Error()) // the exporter does not retry this code without RetryInfo
	}
	err := otherThanGRPC(invoke(ctx, method, request, reply, conn, options...))
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			p.begin(retry.GetRetryDelay().AsDuration())
		}
	}
	return err
}
