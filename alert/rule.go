package alert

import (
	"time"

	"squarewatch/probe"
)

// Rule says what share of which outcomes, over which window, raises an alert. The tags are its keys in the configuration file.
type Rule struct {
	Name      string           `yaml:"name"`
	On        []probe.Selector `yaml:"on"`               // only unexpected runs count
	Probes    []string         `yaml:"probes,omitempty"` // globs over probe names; all when absent
	Per       Per              `yaml:"per,omitempty"`
	Window    time.Duration    `yaml:"window,omitempty"`
	Threshold Share            `yaml:"threshold,omitempty"` // fires at it or above
	Clear     Share            `yaml:"clear,omitempty"`     // resolves below it; half the threshold when absent
	MinRuns   int              `yaml:"min_runs,omitempty"`  // below it the rule neither fires nor resolves
	For       time.Duration    `yaml:"for,omitempty"`       // how long the threshold must hold
	Severity  Severity         `yaml:"severity,omitempty"`
	Repeat    time.Duration    `yaml:"repeat,omitempty"` // time between reminders while firing; 0 for none
	Notify    []string         `yaml:"notify,omitempty"` // names of notifiers; all when absent
	Runbook   string           `yaml:"runbook,omitempty"`
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
