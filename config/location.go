package config

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// LocationVariable is the variable of the environment that names the location of a host. The file is the same at every location.
const LocationVariable = "SQUAREWATCH_LOCATION"

// location returns the location of this host, empty when it has none, and what is wrong with its name.
func location(environ func(string) (string, bool)) (string, *Error) {
	name, _ := environ(LocationVariable)
	if name == "" {
		return "", nil
	}
	var faults setting.Faults
	faults.AddName("", name, "frankfurt")
	if wrong, ok := errors.AsType[*setting.Invalid](faults.Err()); ok {
		return "", &Error{File: "the environment", Path: LocationVariable, Problem: cut(wrong.Problem + "; " + wrong.Fix)}
	}
	return name, nil
}

// here leaves in cfg.Probes those that run at the location of this host. It comes after the checks of the file: these are about all
// probes, so that a file that is valid at one location is valid at the others.
func (r *reader) here(document *yaml.Node, raw *file, cfg *Config, environ func(string) (string, bool)) {
	where, wrong := location(environ)
	if wrong != nil {
		r.errors = append(r.errors, wrong)
	}
	cfg.AllProbes, cfg.Location = cfg.Probes, where
	if elsewhere := cfg.Elsewhere(); len(elsewhere) > 0 {
		cfg.Probes = make([]probe.Probe, 0, len(cfg.AllProbes)-len(elsewhere))
		for i := range cfg.AllProbes {
			if p := &cfg.AllProbes[i]; p.RunsAt(where) {
				cfg.Probes = append(cfg.Probes, *p)
			}
		}
	}
	if len(cfg.Probes) == 0 && len(r.errors) == 0 {
		r.fault(locate(document, "probes"), "probes", fmt.Sprintf("none runs at %s, the location of this host; correct %s, or the locations of "+
			"the probes", where, LocationVariable))
	}
	if where == "" && wrong == nil {
		r.unlocated(document, raw)
	}
}

// unlocated warns about probes with locations on a host without one.
func (r *reader) unlocated(document *yaml.Node, raw *file) {
	var names []string
	var first int
	for i := range raw.Probes {
		if len(raw.Probes[i].Locations) > 0 {
			if len(names) == 0 {
				first = i
			}
			names = append(names, raw.Probes[i].Name)
		}
	}
	if len(names) > 0 {
		at := fmt.Sprintf("probes[%d].locations", first)
		r.warn(locate(document, at), at, fmt.Sprintf("has no effect without %s, so this host runs %s; set it where squarewatch is started, "+
			"for example %[1]s=frankfurt", LocationVariable, Shortened(names)))
	}
}

// Elsewhere returns the names of the probes that do not run at the location of this host.
func (c *Config) Elsewhere() []string {
	var names []string
	for i := range c.AllProbes {
		if p := &c.AllProbes[i]; !p.RunsAt(c.Location) {
			names = append(names, p.Name)
		}
	}
	return names
}
