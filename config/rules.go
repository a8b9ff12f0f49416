package config

import (
	"fmt"
	"os"

	"squarewatch/alert"
)

// WithRules returns a configuration with the rules and maintenance of another file, which may hold nothing else. A backtest tries them
// before they are used. The error is of type [Errors].
func (c *Config) WithRules(path string) (*Config, error) {
	open := func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) } //nolint:gosec // the operator names the file
	data, err := readBounded(open, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the rules in %s: %w", path, err)
	}
	r := &reader{file: path}
	document, ok := r.document(data)
	if !ok {
		return nil, r.errors
	}
	var own struct {
		Rules       *[]alert.Rule       `yaml:"rules"`
		Maintenance []alert.Maintenance `yaml:"maintenance"`
	}
	r.decode(document, "", &own)
	next := *c
	next.Probes = c.AllProbes // rules may name probes of every location
	if own.Rules == nil {
		r.fault(document, "rules", "are missing; write the rules to try, as in a configuration file")
	} else {
		next.Maintenance = own.Maintenance
		r.rules(document, &file{Rules: own.Rules}, &next)
		r.maintenance(document, &next)
	}
	if len(r.errors) > 0 {
		return nil, r.errors.sorted()
	}
	next.Probes, next.Warnings = c.Probes, r.warnings
	return &next, nil
}
