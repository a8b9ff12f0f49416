package history

import (
	"errors"
	"time"

	"squarewatch/config/setting"
)

// Retention says how long history is kept. The tags are its keys in the configuration file.
type Retention struct {
	Runs    time.Duration `yaml:"runs,omitempty"`    // individual runs
	Rollups time.Duration `yaml:"rollups,omitempty"` // counts per minute, missed runs, and resolved incidents
}

// DefaultRetention returns the retention of a file without any: 72 hours of runs and 90 days of roll-ups.
func DefaultRetention() Retention {
	return Retention{Runs: 72 * time.Hour, Rollups: 90 * 24 * time.Hour}
}

// Validate reports what is wrong with the settings as [setting.Invalid], joined.
func (r Retention) Validate() error {
	var faults []error
	if r.Runs < time.Hour {
		faults = append(faults, &setting.Invalid{
			Field: "runs", Problem: "is " + r.Runs.String(), Fix: "write a duration of at least 1h, for example 72h",
		})
	}
	if r.Rollups < 24*time.Hour || r.Rollups < r.Runs {
		faults = append(faults, &setting.Invalid{
			Field: "rollups", Problem: "is " + r.Rollups.String(),
			Fix: "write a duration of at least 1d and not less than that of runs, for example 90d",
		})
	}
	return errors.Join(faults...)
}
