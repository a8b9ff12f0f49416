package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"squarewatch/probe"
)

// Digest says when a report is posted, and to which notifiers.
type Digest struct {
	Schedule probe.Schedule `yaml:"schedule,omitempty"` // as of a probe; each report is about the time since the one before
	Notify   []string       `yaml:"notify,omitempty"`   // names of notifiers; all that can post reports when absent
}

// digest checks when the report is posted and to whom.
func (r *reader) digest(document *yaml.Node, cfg *Config) {
	const section, example = "digest", `for example "0 9 * * 1" for Mondays at 9`
	d := &cfg.Digest
	switch {
	case d.Schedule.IsZero() && len(d.Notify) > 0:
		r.fault(locate(document, section), section, "has no schedule; write one, "+example)
	case d.Schedule.IsZero():
	case cfg.StateDir == "":
		r.fault(locate(document, section), section, "needs a history, and state_dir is none; write a directory, or remove digest")
	case len(cfg.Notifiers) == 0:
		r.fault(locate(document, section), section, "cannot be delivered, since there are no notifiers; define one, for example slack")
	}
	for i, name := range d.Notify {
		if _, ok := cfg.Notifiers[name]; !ok {
			at := fmt.Sprintf("%s.notify[%d]", section, i)
			r.fault(locate(document, at), at, fmt.Sprintf("is %q, which is not defined; %s", name,
				oneOf("notifiers", name, sortedKeys(cfg.Notifiers))))
		}
	}
}
