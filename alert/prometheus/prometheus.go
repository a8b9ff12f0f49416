// Package prometheus translates squarewatch's rules into recording and alerting rules for Prometheus, for a fleet whose metrics are
// scraped. Comments in the output say what the translation leaves out.
//
// One recording rule for each window counts the runs in it. From those, each rule records its number of runs and its rate, which the
// alerts compare.
package prometheus

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/probe"
)

// Options are the input of a translation.
type Options struct {
	Rules        []alert.Rule // with their defaults
	Probes       []probe.Probe
	Maintenance  []alert.Maintenance
	Target       string // host of the API, a label of every alert
	Connectivity bool   // runs show when our own network failed
}

// Write writes a file of rules.
func Write(w io.Writer, options Options) error {
	t := translation{Options: options}
	for i := range t.Rules {
		t.rule(&t.Rules[i])
	}
	t.access()
	t.noData()
	file := file{Groups: []group{{Name: "squarewatch", Rules: slices.Concat(t.counts(), t.rules)}}}
	text, err := yaml.Dump(file, yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Errorf("write the rules as YAML: %w", err)
	}
	_, err = io.WriteString(w, comment(t.preface())+string(text))
	return err
}

// file is a file of rules as Prometheus reads it.
type file struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

// rule is a recording rule or an alerting rule.
type rule struct {
	Notes       []string          `yaml:"-"` // a comment in front of it
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// MarshalYAML puts the notes in front.
func (r rule) MarshalYAML() (any, error) {
	type plain rule
	var node yaml.Node
	if err := node.Encode(plain(r)); err != nil {
		return nil, err
	}
	node.HeadComment = strings.Join(r.Notes, "\n")
	return &node, nil
}

// comment makes a comment of lines.
func comment(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return text.String()
}

// preface describes the file, and what the translation leaves out.
func (t *translation) preface() []string {
	lines := []string{
		"Rules for Prometheus, written by squarewatch rules. Write them again when the configuration changes.",
		"",
		"Each scraped host is evaluated separately, by the runs that it counts. Scrape it at least four times in the shortest window,",
		length(t.shortest()) + ". An alert ends as in squarewatch: below clear, and not when runs are missing. For that its expression reads",
		"ALERTS, so the server that evaluates the rules must store them. Use the rules of one configuration per Prometheus.",
		"",
		"Left out, because Prometheus or Alertmanager has its own: repeat, reopen, notify, support, silences and acknowledgements.",
		"Left out, because the metric does not show it: whose fault a 401 is, so that a bad credential may raise several alerts.",
	}
	if t.Connectivity {
		lines = append(lines,
			"Left out: connectivity. Runs that failed because our own network did count here, and the built-in rule network is missing.")
	}
	for i := range t.Probes {
		if p := &t.Probes[i]; len(p.DependsOn) > 0 {
			lines = append(lines, fmt.Sprintf("Left out: depends_on of probe %s (%s). Use an inhibit_rule of Alertmanager.",
				p.Name, strings.Join(p.DependsOn, ", ")))
		}
	}
	for i := range t.Maintenance {
		lines = append(lines, fmt.Sprintf("Left out: maintenance %s. Use a mute_time_interval of Alertmanager.", t.Maintenance[i].Name))
	}
	return append(lines, t.leftOut...)
}
