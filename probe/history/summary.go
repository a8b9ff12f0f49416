package history

import (
	"encoding/binary"
	"encoding/json"

	"squarewatch/probe"
)

// summaryVersion is the first byte of a stored summary. The list of phases is part of the form.
const summaryVersion = 1

// phaseCount is the length of [probe.PhaseKinds].
const phaseCount = 6

// summary is how long the runs of a probe took in an hour or a day. Summaries can be added up without loss.
type summary struct {
	latencies histogram
	sampled   int64             // runs whose phases are known
	phases    [phaseCount]int64 // of their first attempts: the sum of each phase in microseconds, in the order of PhaseKinds
}

func newSummary() *summary { return &summary{latencies: histogram{}} }

// add adds another summary.
func (s *summary) add(other *summary) {
	s.latencies.add(other.latencies)
	s.sampled += other.sampled
	for i, sum := range other.phases {
		s.phases[i] += sum
	}
}

// count counts a run by its latency in microseconds, and by the phases of its first attempt as JSON, where they are kept. Phases that
// cannot be read are left out.
func (s *summary) count(latency int64, phases []byte) {
	s.latencies[bucketOf(latency)]++
	var took map[probe.PhaseKind]int64
	if len(phases) == 0 || json.Unmarshal(phases, &took) != nil {
		return
	}
	s.sampled++
	for i, kind := range probe.PhaseKinds() {
		s.phases[i] += max(took[kind], 0)
	}
}

// encode returns the stored form: the version, how many runs have phases, the sums of these if there are any, and the histogram.
func (s *summary) encode() []byte {
	b := binary.AppendUvarint([]byte{summaryVersion}, uint64(s.sampled))
	if s.sampled > 0 {
		for _, sum := range s.phases {
			b = binary.AppendUvarint(b, uint64(sum))
		}
	}
	return s.latencies.appendTo(b)
}

// maxSum limits the stored sum of a phase to 35 years, so that no sum of them overflows.
const maxSum = 1 << 50

// readSummary reads what encode returned.
func readSummary(b []byte) (s *summary, err error) {
	if len(b) == 0 || b[0] != summaryVersion {
		return nil, errSummary
	}
	s = &summary{}
	if s.sampled, b, err = number(b[1:], maxCount); err != nil {
		return nil, err
	}
	if s.sampled > 0 {
		for i := range s.phases {
			if s.phases[i], b, err = number(b, maxSum); err != nil {
				return nil, err
			}
		}
	}
	s.latencies, err = readHistogram(b)
	return s, err
}
