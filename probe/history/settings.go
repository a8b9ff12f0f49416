package history

import (
	"errors"
	"time"

	"squarewatch/config/setting"
)

// Retention says how long history is kept. The tags are its keys in the configuration file.
type Retention struct {
	Runs    time.Duration `yaml:"runs,omitempty"`    // individual runs with their details, and counts per minute
	Rollups time.Duration `yaml:"rollups,omitempty"` // counts and latencies per hour, missed runs, and resolved incidents
	Size    setting.Size  `yaml:"size,omitempty"`    // of the database; the oldest history is deleted above it; 0 for no limit
}

const (
	day = 24 * time.Hour
	// smallestSize is the smallest limit of the database in bytes.
	smallestSize = 16 << 20
)

// DefaultRetention returns the retention of a file without any: 72 hours of runs and 90 days of roll-ups.
func DefaultRetention() Retention {
	return Retention{Runs: 72 * time.Hour, Rollups: 90 * day}
}

// Validate reports what is wrong with the settings as [setting.Invalid], joined.
func (r Retention) Validate() error {
	var faults []error
	if r.Runs < time.Hour {
		faults = append(faults, &setting.Invalid{
			Field: "runs", Problem: "is " + r.Runs.String(), Fix: "write a duration of at least 1h, for example 72h",
		})
	}
	if r.Rollups < day || r.Rollups < r.Runs {
		faults = append(faults, &setting.Invalid{
			Field: "rollups", Problem: "is " + r.Rollups.String(),
			Fix: "write a duration of at least 1d and not less than that of runs, for example 90d",
		})
	}
	if r.Size != 0 && r.Size < smallestSize {
		faults = append(faults, &setting.Invalid{
			Field: "size", Problem: "is " + r.Size.String(), Fix: "write at least 16MiB, for example 2GiB, or 0 for no limit",
		})
	}
	return errors.Join(faults...)
}

// What one row needs in the database in bytes, with its share of the indexes and of partly filled pages; measured, see
// TestEstimateIsWhatIsNeeded.
const (
	bytesOfRun    = 160
	bytesOfMinute = 70
	bytesOfHour   = 70
	bytesOfDetail = 450

	bytesOfHourLatencies = 90 // while the hours of a day are kept one by one
	bytesOfDayLatencies  = 125
)

// Estimate returns how large the history of some probes becomes in bytes, if their answers are nearly always the same. perDay is how many
// runs each of them has in a day. The result is not above a limit of r.Size.
func (r Retention) Estimate(perDay []float64) setting.Size {
	const minutesOfDay, hoursOfDay, samplesOfDay = 24 * 60, 24, float64(day / sampleInterval)
	total := 0.0
	for _, runs := range perDay {
		total += r.Runs.Hours() / hoursOfDay * (runs*bytesOfRun + min(runs, minutesOfDay)*bytesOfMinute + min(runs, samplesOfDay)*bytesOfDetail)
		days, inHours := r.Rollups.Hours()/hoursOfDay, min(r.Rollups, hoursKept).Hours()/hoursOfDay
		total += min(runs, hoursOfDay) * (days*bytesOfHour + inHours*bytesOfHourLatencies)
		total += min(runs, 1) * (days - inHours) * bytesOfDayLatencies
	}
	if r.Size > 0 {
		total = min(total, float64(r.Size))
	}
	return setting.Size(total)
}
