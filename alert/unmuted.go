package alert

import (
	"slices"

	"squarewatch/probe"
)

// Unmuted returns the rules that still notify about the probes that a silence names. These are rules per credential or over all probes:
// they have no series for a single probe, so the silence does not mute them. Rules that the silence does not name are left out. A silence
// without probes has none. Rules must have their defaults.
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
