package probe

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnEvaluationThatTakesTooMuchMemoryEnds(t *testing.T) {
	for name, size := range map[string]int{"much": 2 * evaluationMemory, "little": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			runtime.GC() // garbage of other tests must not be freed meanwhile
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				go watchMemory(ctx, cancel)
				synctest.Wait()
				taken := make([]byte, size)
				<-time.After(2 * evaluationInterval)
				runtime.KeepAlive(taken)
				if ended := errors.Is(context.Cause(ctx), errEvaluationMemory); ended != (size > evaluationMemory) {
					t.Errorf("%d bytes: ended %v, because of %v", size, ended, context.Cause(ctx))
				}
			})
		})
	}
}
