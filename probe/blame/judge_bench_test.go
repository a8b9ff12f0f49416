package blame_test

import (
	"fmt"
	"testing"
	"time"

	. "squarewatch/probe/blame"
)

// BenchmarkVerdict measures Observe and Verdict for a run of an outage in which 10,000 probes fail.
func BenchmarkVerdict(b *testing.B) {
	const probes = 10_000
	for name, outcome := range map[string]Outcome{"good": Good, "no_answer": NotAnswered, "server_error": ServerError, "refused": Refused} {
		b.Run(name, func(b *testing.B) {
			j := NewJudge()
			names := make([]string, probes)
			for i := range names {
				names[i] = fmt.Sprintf("probe-%d", i)
			}
			for i := range names { // an outage that has begun
				o := at(0, names[i], "k", outcome)
				j.Observe(&o)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				o := at(0, names[i%probes], "k", outcome)
				o.End = o.End.Add(time.Duration(i) * 3 * time.Millisecond)
				j.Observe(&o)
				j.Verdict(&o)
			}
		})
	}
}
