package probe

import (
	"context"
	"time"

	"squarewatch/probe/blame"
)

// RunObserved runs a job and also returns what the judge was given.
func RunObserved(ctx context.Context, j *Job) (*Result, *blame.Observation) {
	return j.run(ctx, time.Now())
}
