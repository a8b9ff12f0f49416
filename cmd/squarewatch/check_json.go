package main

import (
	"context"
	"errors"

	"squarewatch/config"
)

// checkJSON is what check --json prints.
type checkJSON struct {
	File     string      `json:"file"`
	Valid    bool        `json:"valid"`
	Errors   []problem   `json:"errors"`
	Warnings []problem   `json:"warnings"`
	Skipped  []problem   `json:"skipped"` // built-in probes that are left out
	Notes    []string    `json:"notes"`
	Probes   []string    `json:"probes"`
	Rules    []string    `json:"rules"`
	Notifies []string    `json:"notifiers"`
	Live     []liveCheck `json:"live,omitempty"` // with --live

	Location  string   `json:"location,omitempty"`  // of this host
	Elsewhere []string `json:"elsewhere,omitempty"` // probes that do not run there
}

// problem is a fault or a warning at its place in the file. Line and column are 0 for the whole file.
type problem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Path   string `json:"path"`
	Text   string `json:"text"`
}

// checkAsJSON checks the file and prints the outcome as JSON, also for an invalid file.
func checkAsJSON(ctx context.Context, file *configFile, live bool) error {
	out := checkJSON{
		File: file.path(), Errors: []problem{}, Warnings: []problem{}, Skipped: []problem{},
		Notes: []string{}, Probes: []string{}, Rules: []string{}, Notifies: []string{},
	}
	cfg, err := file.read(ctx)
	if err == nil {
		out.describe(cfg)
		err = buildable(cfg)
	}
	out.Errors = append(out.Errors, problemsOf(err)...)
	out.Valid = len(out.Errors) == 0
	if out.Valid && live {
		out.Live = checkLive(ctx, cfg)
	}
	if err := writeJSON(file.process.stdout, out); err != nil {
		return err
	}
	if !out.Valid || anyFailed(out.Live) {
		return errPrinted
	}
	return nil
}

// describe adds the warnings, notes and names of a valid file.
func (c *checkJSON) describe(cfg *config.Config) {
	for _, w := range cfg.Warnings {
		c.Warnings = append(c.Warnings, problem{Line: w.Line, Column: w.Column, Path: w.Path, Text: w.Problem})
	}
	for _, left := range cfg.Skipped {
		c.Skipped = append(c.Skipped, problem{Path: left.Name, Text: left.Reason})
	}
	c.Location, c.Elsewhere = cfg.Location, cfg.Elsewhere()
	c.Notes = append(c.Notes, remarks(cfg)...)
	c.Probes = append(c.Probes, probeNames(cfg.Probes)...)
	for i := range cfg.Rules {
		c.Rules = append(c.Rules, cfg.Rules[i].Name)
	}
	c.Notifies = append(c.Notifies, sortedKeys(cfg.Notifiers)...)
}

// problemsOf returns the single faults of an error.
func problemsOf(err error) []problem {
	if err == nil {
		return nil
	}
	faults, ok := errors.AsType[config.Errors](err)
	if !ok {
		return []problem{{Text: err.Error()}}
	}
	list := make([]problem, 0, len(faults))
	for _, fault := range faults {
		list = append(list, problem{Line: fault.Line, Column: fault.Column, Path: fault.Path, Text: fault.Problem})
	}
	return list
}
