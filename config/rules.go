package config

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
)

// WithRules returns a configuration whose rules and maintenance are those of another file, which may hold nothing else: to
// see what they would have done before they are used. The error is of type [Errors].
func (c *Config) WithRules(path string) (*Config, error) {
	data, err := readBounded(func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) }, maxFile) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read the rules in %s: %w", path, err)
	}
	r := &reader{file: path}
	var document yaml.Node
	if err := yaml.Load(data, &document); err != nil {
		r.syntax(err)
		return nil, r.errors
	}
	if loop := cycle(&document, nil); loop != nil {
		r.fault(loop, "", fmt.Sprintf("the alias *%s stands inside what it stands for; write the value out", loop.Value))
		return nil, r.errors
	}
	if !r.expands(&document) {
		return nil, r.errors
	}
	var own struct {
		Rules       *[]alert.Rule       `yaml:"rules"`
		Maintenance []alert.Maintenance `yaml:"maintenance"`
	}
	r.decode(&document, "", &own)
	next := *c
	if own.Rules == nil {
		r.fault(&document, "rules", "are missing; write the rules to try, as in a configuration file")
	} else {
		raw := &file{Rules: own.Rules, Maintenance: own.Maintenance}
		r.rules(&document, raw, &next)
		r.maintenance(&document, raw, &next)
	}
	if len(r.errors) > 0 {
		return nil, r.errors.sorted()
	}
	next.Warnings = r.warnings
	return &next, nil
}
