package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/probe"
)

// likelyMistakes warns about settings that are valid, but are probably a mistake.
func (r *reader) likelyMistakes(document *yaml.Node, raw *file, cfg *Config) {
	if len(r.errors) > 0 {
		return
	}
	r.slowProbes(document, raw, cfg)
	r.unused(document, cfg)
	r.fewRuns(document, raw, cfg)
	r.locations(document, cfg)
}

// locations warns about rules that ask for several locations, and notify although a daemon knows only its own.
func (r *reader) locations(document *yaml.Node, cfg *Config) {
	for i := range cfg.Rules {
		if rule := &cfg.Rules[i]; rule.Locations.Several() && len(cfg.Notifiers) > 0 {
			at := fmt.Sprintf("rules[%d].locations", i)
			r.warn(locate(document, at), at, fmt.Sprintf("is %v, and counts only in the rules for Prometheus; this daemon sends the messages of %s "+
				"by itself; remove the notifiers and let Prometheus alert, or remove locations", rule.Locations, rule.Name))
		}
	}
}

// slowProbes warns about probes that may still run when they are due again, and about latencies that no run can exceed.
func (r *reader) slowProbes(document *yaml.Node, raw *file, cfg *Config) {
	var overlapping []string
	for i := range cfg.Probes {
		if p := &cfg.Probes[i]; p.Schedule.Busiest(p.Longest()-1) > 1 {
			overlapping = append(overlapping, p.Name)
		}
	}
	if len(overlapping) > 0 {
		r.warn(locate(document, "probes"), "timeout", fmt.Sprintf("is longer than the time between two runs of %s; while an answer takes "+
			"that long, runs are missed (overrun); write a shorter timeout, or a schedule with more time between runs", Shortened(overlapping)))
	}
	for i := range raw.Probes {
		p, at := &raw.Probes[i], fmt.Sprintf("probes[%d].expect.latency", i)
		if p.Expect.Latency >= p.Timeout {
			r.warn(locate(document, at), at, fmt.Sprintf("is %v, and the timeout of %v ends the run first; write a latency below the timeout",
				p.Expect.Latency, p.Timeout))
		}
	}
}

// unused warns about notifiers and credentials that nothing uses.
func (r *reader) unused(document *yaml.Node, cfg *Config) {
	for _, name := range sortedKeys(cfg.Notifiers) {
		// Rules without a list notify all, as do the built-in rules.
		notifies := func(rule alert.Rule) bool { return len(rule.Notify) == 0 || slices.Contains(rule.Notify, name) }
		if len(cfg.Rules) > 0 && !slices.ContainsFunc(cfg.Rules, notifies) {
			at := join("notifiers", name)
			r.warn(locate(document, at), at, "is not in the notify list of any rule, so it receives only alerts of the built-in rules; "+
				"add it to a list, or remove it")
		}
	}
	for _, name := range sortedKeys(cfg.Credentials) {
		if !slices.ContainsFunc(cfg.AllProbes, func(p probe.Probe) bool { return p.Credential == name }) {
			at := join("credentials", name)
			r.warn(locate(document, at), at, "is not used by any probe; write credential: "+name+" in one, or remove it")
		}
	}
}

// fewRuns warns about rules of the file that count several probes and whose window never holds min_runs. For a rule
// per probe, squarewatch check prints for each probe what the rule can count.
func (r *reader) fewRuns(document *yaml.Node, raw *file, cfg *Config) {
	if raw.Rules == nil {
		return
	}
	for i := range cfg.Rules {
		rule := &cfg.Rules[i]
		runs := map[string]int{}
		for k := range cfg.Probes {
			if p := &cfg.Probes[k]; rule.Watches(p.Name) && rule.Per != alert.PerProbe {
				runs[rule.SeriesOf(p)] += p.Schedule.Busiest(rule.Window - 1)
			}
		}
		for _, series := range sortedKeys(runs) {
			if runs[series] >= rule.MinRuns || rule.Objective > 0 {
				continue
			}
			at := fmt.Sprintf("rules[%d]", i)
			r.warn(locate(document, at), join(at, "min_runs"), fmt.Sprintf("of %s is %d, and %s has at most %d runs in %v; so the rule fires "+
				"after %d bad runs in a row; for a rate, write a longer window or a smaller min_runs",
				rule.Name, rule.MinRuns, series, runs[series], rule.Window, rule.Streak))
			break
		}
	}
}
