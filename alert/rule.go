package alert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Rule says what share of which outcomes, over which window, raises an alert. The tags are its keys in the configuration file.
// Zero means absent in every field; [Rule.Defaults] says what then holds.
type Rule struct {
	Name      string           `yaml:"name"`
	On        []probe.Selector `yaml:"on"`               // only unexpected runs count
	Probes    []string         `yaml:"probes,omitempty"` // globs over probe names; all when absent
	Per       Per              `yaml:"per,omitempty"`
	Window    time.Duration    `yaml:"window,omitempty"`
	Threshold setting.Share    `yaml:"threshold,omitempty"` // fires at it or above
	Clear     setting.Share    `yaml:"clear,omitempty"`     // resolves below it; half the threshold when absent
	MinRuns   int              `yaml:"min_runs,omitempty"`  // below it the rule neither fires nor resolves
	For       time.Duration    `yaml:"for,omitempty"`       // how long the threshold must hold
	// Confidence, when there is one, makes the bounds of the rate's binomial interval count instead of the raw rate.
	Confidence setting.Share `yaml:"confidence,omitempty"`
	// Objective, when there is one, takes the place of window, threshold and clear: the rule fires when the budget that it
	// leaves is spent too fast.
	Objective setting.Share `yaml:"objective,omitempty"`
	Period    time.Duration `yaml:"period,omitempty"` // of the objective; 30 days when absent
	// Streak is for probes that run less than min_runs times in the window: so many bad runs in a row fire, and the first that is not resolves.
	Streak int `yaml:"streak,omitempty"`

	Severity Severity      `yaml:"severity,omitempty"`
	Repeat   time.Duration `yaml:"repeat,omitempty"` // time between reminders while firing; below 0 for none
	Reopen   time.Duration `yaml:"reopen,omitempty"` // firing again this soon continues the incident; below 0 for never
	Notify   []string      `yaml:"notify,omitempty"` // names of notifiers; all when absent
	Runbook  string        `yaml:"runbook,omitempty"`
}

// Per says which runs are counted together.
type Per string

// The kinds of series.
const (
	PerProbe      Per = "probe"
	PerCredential Per = "credential"
	PerAll        Per = "all"
)

// Severity says how urgent an incident is.
type Severity string

// The severities, most urgent first.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// The names of the built-in rules.
const (
	AccessRule  = "access"  // a probe that guards access gets more than it may
	NoDataRule  = "no-data" // a probe has finished no run for three of its intervals
	NetworkRule = "network" // our own network failed; told when it is over
	WatcherRule = "watcher" // squarewatch itself is in trouble: it ran out of descriptors, ports, buffers or memory
)

// absent reports whether what is bad is that nothing came, so that no run is needed as evidence.
func (r *Rule) absent() bool { return r.Name == NoDataRule }

// quiet reports whether only the end of its incidents is told.
func (r *Rule) quiet() bool { return r.Name == NetworkRule }

// The limits of a window: below, nothing can be counted in it; above, nobody waits for it.
const (
	shortestWindow = 10 * time.Second
	longestWindow  = 30 * 24 * time.Hour
)

// DefaultRules returns the rules of a file that has none: server errors of each probe, and refusals of each credential.
func DefaultRules() []Rule {
	rules := []Rule{
		{Name: "server-errors", On: []probe.Selector{probe.MustSelector("5xx")}, Per: PerProbe, Clear: 0.05},
		{Name: "unauthenticated", On: []probe.Selector{probe.MustSelector("401")}, Per: PerCredential},
	}
	for i := range rules {
		rules[i].Defaults()
	}
	return rules
}

// Defaults fills what the rule leaves out: all probes, per probe, 20% of at least 5 runs in 5 minutes, cleared below half
// of that, critical, with a reminder every 4 hours. For and Notify stay as they are.
func (r *Rule) Defaults() {
	if len(r.Probes) == 0 {
		r.Probes = []string{"*"}
	}
	r.Per = cmp.Or(r.Per, PerProbe)
	r.Window = cmp.Or(r.Window, 5*time.Minute)
	r.Threshold = cmp.Or(r.Threshold, 0.2)
	r.Clear = cmp.Or(r.Clear, r.Threshold/2)
	r.MinRuns = cmp.Or(r.MinRuns, 5)
	r.Severity = cmp.Or(r.Severity, Critical)
	r.Repeat = cmp.Or(r.Repeat, 4*time.Hour)
	r.Reopen = cmp.Or(r.Reopen, 10*time.Minute)
	r.Streak = cmp.Or(r.Streak, 2)
	if r.Objective > 0 {
		r.Period = cmp.Or(r.Period, 30*24*time.Hour)
	}
}

// Validate reports every fault of the settings as [setting.Invalid], joined. Defaults must have been applied.
func (r *Rule) Validate() error {
	var faults setting.Faults
	faults.AddName("name", r.Name, "server-errors")
	builtin := []string{AccessRule, NoDataRule, NetworkRule, WatcherRule}
	faults.Add(slices.Contains(builtin, r.Name), "name", fmt.Sprintf("is %s, which is a built-in rule", r.Name), "choose another name")
	faults.Add(len(r.On) == 0, "on", "selects nothing", "name the outcomes to count, for example [5xx]")
	for i, selector := range r.On {
		faults.Add(selector == probe.Selector{}, fmt.Sprintf("on[%d]", i), "selects nothing", "write a code, a range, a class or a set")
	}
	faults.AddGlobs("probes", r.Probes)
	faults.Add(!slices.Contains([]Per{PerProbe, PerCredential, PerAll}, r.Per), "per", fmt.Sprintf("is %q", r.Per), "write probe, credential or all")
	faults.Add(!slices.Contains([]Severity{Critical, Warning, Info}, r.Severity), "severity", fmt.Sprintf("is %q", r.Severity), "write critical, warning or info")
	faults.Add(r.MinRuns < 1, "min_runs", fmt.Sprintf("is %d", r.MinRuns), "write a number of runs from 1 on")
	faults.Add(r.Streak < 1 || r.Streak > 100, "streak", fmt.Sprintf("is %d", r.Streak), "write a number of runs from 1 to 100, for example 2")
	return errors.Join(append(faults, r.validateTimes(), r.validateShares(), r.validateObjective())...)
}

func (r *Rule) validateTimes() error {
	var faults []error
	if r.Window < shortestWindow || r.Window > longestWindow {
		faults = append(faults, &setting.Invalid{Field: "window", Problem: "is " + r.Window.String(), Fix: "write a duration from 10s to 720h"})
	}
	if r.For < 0 || r.For > longestWindow {
		faults = append(faults, &setting.Invalid{Field: "for", Problem: "is " + r.For.String(), Fix: "write a duration from 0s to 720h"})
	}
	return errors.Join(faults...)
}

// validateShares is written so that what is no number fails too.
func (r *Rule) validateShares() error {
	if !(r.Threshold > 0 && r.Threshold <= 1) {
		return &setting.Invalid{Field: "threshold", Problem: "is " + r.Threshold.String(), Fix: "write a share above 0% and up to 100%, for example 20%"}
	}
	if !(r.Clear > 0 && r.Clear <= r.Threshold) {
		return &setting.Invalid{
			Field: "clear", Problem: fmt.Sprintf("is %v with a threshold of %v", r.Clear, r.Threshold),
			Fix: "write a share above 0% and not above the threshold, or leave it out for half of that",
		}
	}
	if !(r.Confidence >= 0 && r.Confidence < 1) || r.Confidence > 0 && r.Confidence < 0.5 {
		return &setting.Invalid{Field: "confidence", Problem: "is " + r.Confidence.String(), Fix: "write a share from 50% to below 100%, for example 95%, or leave it out"}
	}
	return nil
}

// validateObjective checks what an objective needs.
func (r *Rule) validateObjective() error {
	switch {
	case r.Objective == 0 && r.Period != 0:
		return &setting.Invalid{Field: "period", Problem: "is there without an objective", Fix: "write objective: 99.5% beside it, or leave it out"}
	case r.Objective == 0:
		return nil
	case !(r.Objective >= 0.5 && r.Objective < 1):
		return &setting.Invalid{Field: "objective", Problem: "is " + r.Objective.String(), Fix: "write a share from 50% to below 100%, for example 99.5%"}
	case r.Confidence > 0:
		return &setting.Invalid{Field: "confidence", Problem: "is there beside an objective", Fix: "keep one of them: an objective compares two windows instead"}
	case r.Period < 24*time.Hour || r.Period > 90*24*time.Hour:
		return &setting.Invalid{Field: "period", Problem: "is " + r.Period.String(), Fix: "write a time from 1d to 90d"}
	}
	return nil
}

// Interval returns the bounds of the true rate behind bad of runs, with the rule's confidence; the raw rate without one.
func (r *Rule) Interval(bad, runs int) (low, high setting.Share) {
	return interval(bad, runs, quantile(r.Confidence))
}

// Deviations returns how many standard deviations the rule's confidence reaches to either side; 0 without one.
func (r *Rule) Deviations() float64 { return quantile(r.Confidence) }

// Watches reports whether one of the globs matches the probe's name.
func (r *Rule) Watches(name string) bool {
	return matches(r.Probes, name)
}

// SeriesOf returns the name of the series in which a probe's runs are counted.
func (r *Rule) SeriesOf(p *probe.Probe) string {
	switch r.Per {
	case PerCredential:
		return cmp.Or(p.Credential, probe.NoCredential)
	case PerAll:
		return string(PerAll)
	case PerProbe:
	}
	return p.Name
}

// countsLike reports whether both rules count the same runs the same way, so that the counts of one are true for the other.
func (r *Rule) countsLike(other *Rule) bool {
	return r.Name == other.Name && r.Per == other.Per && r.Window == other.Window && r.Objective == other.Objective &&
		r.Period == other.Period && slices.Equal(r.On, other.On) && slices.Equal(r.Probes, other.Probes)
}
