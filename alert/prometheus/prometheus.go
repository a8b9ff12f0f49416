// Package prometheus translates rules into alerting rules of Prometheus, for hosts whose metrics are scraped. The engine of package alert
// remains the reference; comments in the written file say what the translation leaves out.
//
// For each window, one recording rule counts the runs in it. From these, each rule records its number of runs and its rate, and the
// alerts compare those. File format: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
package prometheus

import (
	"encoding/json"
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
	Rules       []alert.Rule // with their defaults
	Probes      []probe.Probe
	Maintenance []alert.Maintenance
	Target      string // host of the API: a label of every alert
}

// Write writes a rule file.
func Write(w io.Writer, options Options) error {
	file := translate(options)
	text, err := yaml.Dump(file, yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Errorf("write the rules as YAML: %w", err)
	}
	_, err = io.WriteString(w, comment(file.Notes)+string(text))
	return err
}

// WriteJSON writes the groups of a rule file as JSON. The comments of the rule file are lists of lines with the key notes.
func WriteJSON(w io.Writer, options Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(translate(options)); err != nil {
		return fmt.Errorf("write the rules as JSON: %w", err)
	}
	return nil
}

// translate returns the rule file.
func translate(options Options) file {
	t := translation{Options: options}
	for i := range t.Rules {
		t.rule(&t.Rules[i])
	}
	t.access()
	t.noData()
	groups := []group{{Name: "squarewatch", Rules: slices.Concat(t.counts(), t.rules)}}
	return file{Notes: t.preface(), Groups: groups}
}

// file is a rule file of Prometheus.
type file struct {
	Notes  []string `yaml:"-" json:"notes"` // written as a comment at the top
	Groups []group  `yaml:"groups" json:"groups"`
}

type group struct {
	Name  string `yaml:"name" json:"name"`
	Rules []rule `yaml:"rules" json:"rules"`
}

// rule is a recording rule or an alerting rule.
type rule struct {
	Notes       []string          `yaml:"-" json:"notes,omitempty"` // written as a comment before the rule
	Record      string            `yaml:"record,omitempty" json:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty" json:"alert,omitempty"`
	Expr        string            `yaml:"expr" json:"expr"`
	For         string            `yaml:"for,omitempty" json:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty" json:"annotations,omitempty"`
}

// MarshalYAML writes the notes as a comment before the rule.
func (r rule) MarshalYAML() (any, error) {
	type plain rule
	var node yaml.Node
	if err := node.Encode(plain(r)); err != nil {
		return nil, err
	}
	node.HeadComment = strings.Join(r.Notes, "\n")
	return &node, nil
}

// comment returns lines as a YAML comment.
func comment(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return text.String()
}

// preface returns the comment at the top of the file: what it is, and what it leaves out.
func (t *translation) preface() []string {
	lines := []string{
		"Rules for Prometheus, written by squarewatch rules. Write them again when the configuration changes.",
		"",
		"Each scraped host is evaluated by itself, from the runs that it counts. Scrape it at least four times in the shortest window,",
		length(t.shortest()) + ". An alert ends as in squarewatch: when its rate is below clear, and never because there are too few",
		"runs. Therefore its expression reads ALERTS, and the server that evaluates the rules must keep that series. Load the rules of",
		"one configuration into one Prometheus.",
		"",
		"Left out, because Prometheus or Alertmanager has its own: repeat, reopen, notify, support, silences and acknowledgements.",
		"Left out, because the metric does not contain it: what caused a 401. A refused credential may raise several alerts.",
		"Left out: the built-in rule network. Runs that failed because our own network or proxy failed count here.",
	}
	if slices.ContainsFunc(t.Rules, func(r alert.Rule) bool { return r.Locations.Several() }) {
		lines = append(lines, "A rule with locations counts places by the label "+locationLabel+": set SQUAREWATCH_LOCATION on each host.")
	}
	for i := range t.Probes {
		if p := &t.Probes[i]; len(p.DependsOn) > 0 {
			lines = append(lines, fmt.Sprintf("Left out: depends_on of probe %s (%s). Use an inhibit_rule of Alertmanager instead.",
				p.Name, strings.Join(p.DependsOn, ", ")))
		}
	}
	for i := range t.Maintenance {
		lines = append(lines, fmt.Sprintf("Left out: maintenance %s. Use a mute_time_interval of Alertmanager instead.", t.Maintenance[i].Name))
	}
	return append(lines, t.leftOut...)
}
