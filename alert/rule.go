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

// Rule defines which outcomes count as bad, and which share of them, over which window, raises an alert. The tags are its keys in the
// configuration file. A zero field means absent; [Rule.Defaults] sets the default.
type Rule struct {
	Name      string           `yaml:"name"`
	On        []probe.Selector `yaml:"on"`               // outcomes that count; only unexpected runs count
	Probes    []string         `yaml:"probes,omitempty"` // globs of probe names; all when absent
	Per       Per              `yaml:"per,omitempty"`
	Window    time.Duration    `yaml:"window,omitempty"`
	Threshold setting.Share    `yaml:"threshold,omitempty"` // fires at this share or above
	Clear     setting.Share    `yaml:"clear,omitempty"`     // resolves below this share; half the threshold when absent
	MinRuns   int              `yaml:"min_runs,omitempty"`  // with fewer runs the rate neither fires nor resolves the rule
	For       time.Duration    `yaml:"for,omitempty"`       // how long the threshold must be crossed before the rule fires
	// Confidence, if set, compares the bounds of the rate's binomial interval instead of the raw rate.
	Confidence setting.Share `yaml:"confidence,omitempty"`
	// Objective, if set, replaces window, threshold and clear: the rule fires when the error budget is spent too fast.
	Objective setting.Share `yaml:"objective,omitempty"`
	Period    time.Duration `yaml:"period,omitempty"` // of the objective; 30 days when absent
	// Streak is for probes that run fewer than min_runs times in the window: this number of bad runs in a row fires, and the first good run
	// resolves.
	Streak int `yaml:"streak,omitempty"`
	// Locations is for several daemons under one Prometheus; see [Locations].
	Locations Locations `yaml:"locations,omitempty"`

	Severity Severity      `yaml:"severity,omitempty"`
	Repeat   time.Duration `yaml:"repeat,omitempty"` // time between reminders while firing; below 0 for none
	Reopen   time.Duration `yaml:"reopen,omitempty"` // firing again within it continues the incident; below 0 for never
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
	AccessRule  = "access"  // access was granted to a guarded probe
	NoDataRule  = "no-data" // a probe has finished no run for three of its intervals
	NetworkRule = "network" // our own network failed; announced when it is over, or when it lasts
	WatcherRule = "watcher" // squarewatch itself is in trouble: it ran out of a resource, or a [Part] does not work
)

// The limits of a window: a shorter one holds too few runs; a longer one reacts too late.
const (
	minWindow = 10 * time.Second
	maxWindow = 30 * 24 * time.Hour
)

// DefaultRules returns the rules for a file that has none: server errors of each probe, 401 of each credential, and runs of all probes that
// got no complete answer. Together they count everything that stops the users of the API.
func DefaultRules() []Rule {
	rules := []Rule{
		{Name: "server-errors", On: []probe.Selector{probe.MustSelector("5xx")}, Per: PerProbe, Clear: 0.05},
		{Name: "unauthenticated", On: []probe.Selector{probe.MustSelector("401")}, Per: PerCredential},
		{Name: "unreachable", On: []probe.Selector{probe.MustSelector("transport")}, Per: PerAll, Clear: 0.05},
	}
	for i := range rules {
		rules[i].Defaults()
	}
	return rules
}

// Defaults sets absent fields: all probes, per probe, 20 % of at least 5 runs in 5 minutes, cleared below half of that, critical, a
// reminder every 4 hours, reopened within 10 minutes, a streak of 2. For and Notify are not changed.
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

// Validate returns every fault of the settings as [setting.Invalid], joined. Call Defaults first.
func (r *Rule) Validate() error {
	var f setting.Faults
	f.AddName("name", r.Name, "server-errors")
	f.Add(kindOf(r.Name).builtin != nil, "name", fmt.Sprintf("is %s, which is a built-in rule", r.Name), "choose another name")
	f.Add(len(r.On) == 0, "on", "selects nothing", "name the outcomes to count, for example [5xx]")
	for i, selector := range r.On {
		f.Add(selector == probe.Selector{}, fmt.Sprintf("on[%d]", i), "selects nothing", "write a code, a range, a class or a set")
	}
	f.AddGlobs("probes", r.Probes)
	f.Add(!slices.Contains([]Per{PerProbe, PerCredential, PerAll}, r.Per), "per", fmt.Sprintf("is %q", r.Per),
		"write probe, credential or all")
	f.Add(!slices.Contains([]Severity{Critical, Warning, Info}, r.Severity), "severity", fmt.Sprintf("is %q", r.Severity),
		"write critical, warning or info")
	f.Add(r.MinRuns < 1, "min_runs", fmt.Sprintf("is %d", r.MinRuns), "write a number of runs from 1 on")
	f.Add(r.Streak < 1 || r.Streak > 100, "streak", fmt.Sprintf("is %d", r.Streak), "write a number of runs from 1 to 100, for example 2")
	return errors.Join(f.Err(), r.validateTimes(), r.validateShares(), r.validateObjective())
}

// validateTimes checks window and for.
func (r *Rule) validateTimes() error {
	var f setting.Faults
	f.Add(r.Window < minWindow || r.Window > maxWindow, "window", "is "+r.Window.String(), "write a duration from 10s to 720h")
	f.Add(r.For < 0 || r.For > maxWindow, "for", "is "+r.For.String(), "write a duration from 0s to 720h")
	return f.Err()
}

// validateShares checks threshold, clear and confidence. Its comparisons are written so that NaN fails too.
func (r *Rule) validateShares() error {
	if !(r.Threshold > 0 && r.Threshold <= 1) {
		return &setting.Invalid{
			Field: "threshold", Problem: "is " + r.Threshold.String(),
			Fix: "write a share above 0% and up to 100%, for example 20%",
		}
	}
	if !(r.Clear > 0 && r.Clear <= r.Threshold) {
		return &setting.Invalid{
			Field: "clear", Problem: fmt.Sprintf("is %v with a threshold of %v", r.Clear, r.Threshold),
			Fix: "write a share above 0% and not above the threshold, or leave it out for half of that",
		}
	}
	if !(r.Confidence >= 0 && r.Confidence < 1) || r.Confidence > 0 && r.Confidence < 0.5 {
		return &setting.Invalid{
			Field: "confidence", Problem: "is " + r.Confidence.String(),
			Fix: "write a share from 50% to below 100%, for example 95%, or leave it out",
		}
	}
	return nil
}

// validateObjective checks objective and period.
func (r *Rule) validateObjective() error {
	switch {
	case r.Objective == 0 && r.Period != 0:
		return &setting.Invalid{
			Field: "period", Problem: "is there without an objective",
			Fix: "write objective: 99.5% beside it, or leave it out",
		}
	case r.Objective == 0:
		return nil
	case !(r.Objective >= 0.5 && r.Objective < 1):
		return &setting.Invalid{
			Field: "objective", Problem: "is " + r.Objective.String(),
			Fix: "write a share from 50% to below 100%, for example 99.5%",
		}
	case r.Confidence > 0:
		return &setting.Invalid{
			Field: "confidence", Problem: "is there beside an objective",
			Fix: "keep one of them: an objective compares two windows instead",
		}
	case r.Period < 24*time.Hour || r.Period > 90*24*time.Hour:
		return &setting.Invalid{
			Field: "period", Problem: "is " + r.Period.String(),
			Fix: "write a time from 1d to 90d",
		}
	}
	return nil
}

// Interval returns the bounds of the true rate for bad of runs, at the rule's confidence; the raw rate without confidence.
func (r *Rule) Interval(bad, runs int) (low, high setting.Share) {
	return interval(bad, runs, quantile(r.Confidence))
}

// Deviations returns the rule's confidence in standard deviations to each side; 0 without confidence.
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

// isBuiltin reports whether the rule selects no outcomes: its kind decides which runs are bad.
func (r *Rule) isBuiltin() bool { return len(r.On) == 0 }

// countsLike reports whether both rules count the same runs in the same way, so that the counts of one are valid for the other.
func (r *Rule) countsLike(other *Rule) bool {
	return r.Name == other.Name && r.counts() == other.counts()
}

// counts says how the rule counts, as text: which runs, and over which windows. Thresholds are not part of it. Nor is the list of probes of
// a rule per probe, whose series count one probe each: another probe in the list changes nothing for them.
func (r *Rule) counts() string {
	if r.Per == PerProbe {
		return r.countsOf([]string{"*"})
	}
	return r.countsOf(r.Probes)
}

// countsOf says how the rule counts the runs of probes.
func (r *Rule) countsOf(probes []string) string {
	return fmt.Sprintf("%v of %v per %s in %v, objective %v in %v", r.On, probes, r.Per, r.Window, r.Objective, r.Period)
}

// moreUrgent returns the more urgent of two severities; an empty one is the least urgent.
func moreUrgent(a, b Severity) Severity {
	if a == "" || b != "" && rank(b) < rank(a) {
		return b
	}
	return a
}

// rank returns the position of a severity, 0 for the most urgent.
func rank(s Severity) int {
	switch s {
	case Critical:
		return 0
	case Warning:
		return 1
	case Info:
	}
	return 2
}
