// Package catalogue has the built-in probes of the AISquare Studio API. They only read. They change nothing and cost
// nothing.
package catalogue

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"squarewatch/probe"

	"go.yaml.in/yaml/v4"
)

//go:embed catalogue.yaml
var data []byte

// Options are what the configuration provides for the catalogue.
type Options struct {
	Studio     string   // publication URL; empty for none
	Credential string   // name of the credential; empty for none
	Names      []string // of the probes to include; all when nil
}

// Skipped is a probe that was skipped because the configuration does not provide what it needs.
type Skipped struct {
	Name   string
	Reason string // what is missing, and how to set it
}

// entry is one item of the embedded file.
type entry struct {
	Probe probe.Probe `yaml:"probe"`
	Needs []string    `yaml:"needs"`
}

// load reads the embedded file. It panics if the file is wrong; a test reads the same file.
func load() []entry {
	var entries []entry
	if err := yaml.Load(data, &entries, yaml.WithKnownFields()); err != nil {
		panic(fmt.Sprintf("the built-in catalogue: %v", err))
	}
	return entries
}

// Names returns the names of all probes, in the order of the file.
func Names() []string {
	var names []string
	for _, e := range load() {
		names = append(names, e.Probe.Name)
	}
	return names
}

// Probes returns the selected probes, and the skipped ones with the reason. A name that is not in the catalogue is an
// error.
func Probes(o Options) (probes []probe.Probe, skipped []Skipped, err error) {
	var faults []error
	for _, name := range o.Names {
		if !slices.Contains(Names(), name) {
			faults = append(faults, fmt.Errorf("the catalogue has no probe %q: it has %s", name, strings.Join(Names(), ", ")))
		}
	}
	for _, e := range load() {
		if o.Names != nil && !slices.Contains(o.Names, e.Probe.Name) {
			continue
		}
		if reason := o.missing(e.Needs); reason != "" {
			skipped = append(skipped, Skipped{Name: e.Probe.Name, Reason: reason})
			continue
		}
		probes = append(probes, o.fill(e))
	}
	return probes, skipped, errors.Join(faults...)
}

// missing describes the needs that are not met; empty if none.
func (o Options) missing(needs []string) string {
	var missing []string
	if slices.Contains(needs, "studio") && o.Studio == "" {
		missing = append(missing, "a studio: set studio: to its publication URL")
	}
	if slices.Contains(needs, "credential") && o.Credential == "" {
		missing = append(missing, "a credential: define one under credentials, and name it in defaults when there are several")
	}
	if len(missing) == 0 {
		return ""
	}
	return "needs " + strings.Join(missing, "; and ")
}

// fill sets the studio and the credential of a probe.
func (o Options) fill(e entry) probe.Probe {
	p := e.Probe
	if slices.Contains(e.Needs, "credential") {
		p.Credential = o.Credential
	}
	if body, ok := p.JSON.(map[string]any); ok {
		for key, value := range body {
			if text, ok := value.(string); ok {
				body[key] = strings.ReplaceAll(text, "{studio}", o.Studio)
			}
		}
	}
	return p
}
