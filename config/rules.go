package config

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
)

// WithRules returns a configuration with the rules and maintenance of another file, which may hold nothing else. A backtest tries them
// before they are used. The error is of type [Errors].
func (c *Config) WithRules(path string) (*Config, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	r := &reader{file: path}
	var document yaml.Node
	if err := yaml.Load(data, &document); err != nil {
		r.syntax(err)
		return nil, r.errors
	}
	if loop := cycle(&document, nil); loop != nil {
		r.fault(loop, "", fmt.Sprintf("the alias *%s is part of the value that it refers to; write the value out", loop.Value))
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
		next.Maintenance = own.Maintenance
		r.rules(&document, &file{Rules: own.Rules}, &next)
		r.maintenance(&document, &next)
	}
	if len(r.errors) > 0 {
		return nil, r.errors.sorted()
	}
	next.Warnings = r.warnings
	return &next, nil
}
