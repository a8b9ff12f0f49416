package alert

import (
	"slices"

	"squarewatch/probe"
)

// Unmuted returns the rules that count runs of a silence's probes and that it does not mute: rules per credential or over all have no
// series for a single probe. It returns none for a silence that names no probes, or that does not name the rule. Rules must have their
// defaults.
func (s *Silence) Unmuted(rules []Rule, probes []probe.Probe) []Rule {
	if len(s.Probes) == 0 {
		return nil
	}
	var unmuted []Rule
	for i := range rules {
		r := &rules[i]
		if r.Per == PerProbe || len(s.Rules) > 0 && !matches(s.Rules, r.Name) {
			continue
		}
		if slices.ContainsFunc(probes, func(p probe.Probe) bool { return matches(s.Probes, p.Name) && r.Watches(p.Name) }) {
			unmuted = append(unmuted, *r)
		}
	}
	return unmuted
}
