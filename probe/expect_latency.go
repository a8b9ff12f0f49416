package probe

import (
	"context"
	"fmt"
	"time"

	"squarewatch/config/setting"
)

// expectLatency limits the duration of the first answer.
func expectLatency(e *Expect) (check, error) {
	longest := e.Latency
	switch {
	case longest < 0:
		return nil, &setting.Invalid{
			Field: "expect.latency", Problem: "is " + longest.String(), Fix: "write a duration above zero, for example 2s",
		}
	case longest == 0:
		return nil, nil //nolint:nilnil // no such expectation
	}
	return func(_ context.Context, seen *observation) string {
		if took := seen.result.Latency(); took > longest {
			return fmt.Sprintf("took %v, longer than %v", took.Round(time.Millisecond), longest)
		}
		return ""
	}, nil
}
