package probe

import (
	"context"
	"time"

	"squarewatch/probe/blame"
)

// RunObserved runs a job and also returns the observation that the judge got.
func RunObserved(ctx context.Context, j *Job) (*Result, *blame.Observation) {
	return j.run(ctx, time.Now())
}
