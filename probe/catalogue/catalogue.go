// Package catalogue holds the built-in probes of the AISquare Studio API. Each only reads: nothing here creates,
// publishes, costs or changes anything.
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

// Options say what the configuration gives.
type Options struct {
	Studio     string   // publication URL
	Credential string   // name of the credential to act as
	Names      []string // the probes that are wanted; all when nil
}

// LeftOut is a probe that the configuration does not give enough for.
type LeftOut struct {
	Name   string
	Reason string // what is missing, and how to give it
}

// entry is one item of the data.
type entry struct {
	Probe probe.Probe `yaml:"probe"`
	Needs []string    `yaml:"needs"`
}

// load reads the embedded data, which a test has read before.
func load() []entry {
	var entries []entry
	if err := yaml.Load(data, &entries, yaml.WithKnownFields()); err != nil {
		panic(fmt.Sprintf("the built-in catalogue: %v", err))
	}
	return entries
}

// Names returns the names of all probes, in their order.
func Names() []string {
	var names []string
	for _, e := range load() {
		names = append(names, e.Probe.Name)
	}
	return names
}

// Probes returns the probes that are wanted and possible, and those left out with their reasons. A name that the
// catalogue does not have is an error.
func Probes(o Options) (probes []probe.Probe, leftOut []LeftOut, err error) {
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
		if reason := o.lacks(e.Needs); reason != "" {
			leftOut = append(leftOut, LeftOut{e.Probe.Name, reason})
			continue
		}
		probes = append(probes, o.fill(e))
	}
	return probes, leftOut, errors.Join(faults...)
}

// lacks returns what of the needs the options do not give.
func (o Options) lacks(needs []string) string {
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

// fill puts what the options give into a probe.
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
