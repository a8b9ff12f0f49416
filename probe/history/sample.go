package history

import (
	"time"

	"squarewatch/probe"
)

const (
	// sampleInterval divides time: in each interval, the first healthy run of a probe keeps its detail.
	sampleInterval = 10 * time.Minute
	// sampleMemory is how long a probe without runs is remembered.
	sampleMemory = time.Hour
)

// sample chooses the runs whose attempts and phases are kept: every unexpected run, the first healthy run of each probe in ten minutes,
// and the last healthy run before an unexpected one. It is not safe for concurrent use.
type sample map[string]*sampled

// sampled is what a sample knows of one probe.
type sampled struct {
	interval time.Time // start of the interval of the last healthy run that was chosen for it
	healthy  *detail   // of the last healthy run; nil if that was chosen
	seen     time.Time // end of the last run
}

// choose reports whether to keep the detail of a run that has ended. It also returns the detail of an earlier healthy run to keep now; nil
// for none.
func (s sample) choose(r *probe.Result) (chosen bool, before *detail) {
	if !r.Trace.IsValid() {
		return false, nil
	}
	p := s[r.Probe]
	if p == nil {
		p = &sampled{}
		s[r.Probe] = p
	}
	p.seen = r.End
	interval := r.End.Truncate(sampleInterval)
	switch {
	case !r.Expected:
		before, p.healthy = p.healthy, nil
		return true, before
	case interval.Equal(p.interval):
		p.healthy = detailOf(r)
		return false, nil
	}
	p.interval, p.healthy = interval, nil
	return true, nil
}

// forget drops probes that have had no run for an hour, since a reload may have removed them.
func (s sample) forget(now time.Time) {
	for name, p := range s {
		if now.Sub(p.seen) > sampleMemory {
			delete(s, name)
		}
	}
}
