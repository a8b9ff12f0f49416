package probe

import (
	"context"
	"errors"
	"runtime/metrics"
	"time"

	"github.com/itchyny/gojq"
)

// The limits of one evaluation of a jq expression. An ordinary one takes microseconds. The memory is the growth of the heap of the whole
// process meanwhile, because Go does not count the memory of a goroutine.
const (
	evaluationTimeout  = time.Second
	evaluationMemory   = 128 << 20             // bytes
	evaluationInterval = 20 * time.Millisecond // between two checks of the memory
)

var (
	errEvaluationTime   = errors.New("the evaluation took more than 1 s; write a simpler expression")
	errEvaluationMemory = errors.New("the evaluation took more than 128 MiB; write a simpler expression")
)

// limitEvaluation returns a context for one evaluation, which ends when that takes too long or too much memory. The caller calls done.
func limitEvaluation(ctx context.Context) (limited context.Context, done func()) {
	ctx, stop := context.WithTimeoutCause(ctx, evaluationTimeout, errEvaluationTime)
	limited, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(evaluationInterval, func() { watchMemory(limited, cancel) }) // most evaluations have ended by then
	return limited, func() {
		timer.Stop()
		cancel(nil)
		stop()
	}
}

// evaluateLimited returns the first output of an expression, which is an error if the evaluation failed or met a limit; false for none.
func evaluateLimited(ctx context.Context, code *gojq.Code, input any) (output any, ok bool) {
	limited, done := limitEvaluation(ctx)
	defer done()
	output, ok = code.RunWithContext(limited, input).Next()
	cause := context.Cause(limited)
	if _, failed := output.(error); failed && (errors.Is(cause, errEvaluationTime) || errors.Is(cause, errEvaluationMemory)) {
		return cause, true
	}
	return output, ok
}

// watchMemory cancels an evaluation when the heap has grown too much, and returns when it has ended.
func watchMemory(ctx context.Context, cancel context.CancelCauseFunc) {
	before := heap()
	ticker := time.NewTicker(evaluationInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if heap() > before+evaluationMemory {
			cancel(errEvaluationMemory)
			return
		}
	}
}

// heap returns the bytes of the heap's objects, including garbage.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
