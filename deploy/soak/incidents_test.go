//go:build soak

package soak_test

import (
	"slices"
	"strings"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// told are the messages about the beginning and the end of one incident.
type told struct {
	id               string
	incident         keptIncident
	firing, resolved slackstub.Messages
	grouped          bool // its end is in a message about several incidents
}

// tellings returns the messages about an incident: its own ones, or those about several incidents of which it is one. A message says the
// identifier of the first incident alone, so the others are found by the name of their series.
func tellings(all, own slackstub.Messages, id string, i keptIncident) told {
	t := told{id: id, incident: i, firing: own.Saying("FIRING"), resolved: own.Saying("RESOLVED", "ENDED")}
	among := func(since time.Time, also string) slackstub.Messages {
		return slices.DeleteFunc(slices.Clone(all), func(m slackstub.Message) bool {
			_, list, _ := strings.Cut(m.Blocks, also)
			return m.At.Before(since) || !slices.Contains(words(list), i.series)
		})
	}
	if len(t.resolved) == 0 {
		t.resolved = append(among(i.resolved, "*Also resolved:*"), among(i.resolved, "*Also ended")...)
		t.grouped = len(t.resolved) > 0
	}
	if len(t.firing) == 0 && len(t.resolved) > 0 {
		later := func(m slackstub.Message) bool { return m.At.After(t.resolved[0].At) } // it is about a later incident of the series
		t.firing = slices.DeleteFunc(among(i.fired, "*Also firing:*"), later)
	}
	return t
}

// checkIncidents checks that each incident was announced once and ended once, in this order, and nothing while a silence covers it.
func (r *report) checkIncidents(s *stage, k *kept) {
	j, all := &s.journal, s.slack.Messages()
	messages := slackstub.ByIncident(all)
	joined, quiet, blank, builtin := 0, 0, 0, 0
	for id, i := range k.incidents {
		if i.isBuiltin() {
			builtin++
			continue
		}
		t := tellings(all, messages[id], id, i)
		if i.state == "firing" {
			r.fails("everything resolves", "%s of %s is kept as firing", id, i.series)
		}
		r.checkSilence(j, id, i, messages[id])
		switch {
		case j.isBlank(i), i.leader != "" && j.isBlank(k.incidents[i.leader]):
			blank++
		case len(t.firing)+len(t.resolved) > 0:
			r.checkTold(j, t)
		case isNamed(k.incidents, messages, i), isNamedInGroup(all, messages, k, i):
			joined++
		case j.mayBeQuiet(i), j.isCoveredAfterSilence(k.incidents, messages, i):
			quiet++
		case !j.unsureAt(i.fired) && !j.unsureAt(i.resolved):
			r.fails("every incident is announced", "%s of %s, %s to %s, is in no message", id, i.series, stamp(i.fired), stamp(i.resolved))
		}
	}
	for id, of := range messages {
		if _, ok := k.incidents[id]; !ok && !j.unsureAt(of[0].At) {
			r.fails("every incident is kept", "Slack got %s at %s, which the daemon does not know", id, stamp(of[0].At))
		}
	}
	r.checkOrder(j, k, all)
	r.add("%d incidents (%d joined another, %d under a silence alone, %d without what was kept, %d of built-in rules), %d messages",
		len(k.incidents), joined, quiet, blank, builtin, len(all))
}

// checkTold checks the messages of one incident.
func (r *report) checkTold(j *journal, t told) {
	i := t.incident
	if len(t.resolved) == 0 {
		r.fails("every incident ends once", "%s of %s has no RESOLVED", t.id, i.series)
		return
	}
	folded := t.grouped || strings.Contains(t.resolved[0].Blocks, "the latest of")
	if len(t.firing) == 0 && !folded {
		r.fails("every incident is announced", "%s of %s has a RESOLVED at %s and no FIRING", t.id, i.series, stamp(t.resolved[0].At))
	}
	for event, list := range map[string]slackstub.Messages{"FIRING": t.firing, "RESOLVED": t.resolved} {
		for n := 1; n < len(list) && list[n].Incident() == t.id; n++ {
			if !list[n-1].Cut && !j.nearEnd(list[n-1].At) {
				r.fails("every incident is announced once", "%s of %s has %d %s, at %s and %s", t.id, i.series, len(list), event,
					stamp(list[n-1].At), stamp(list[n].At))
			}
		}
	}
	if len(t.firing) > 0 && t.resolved[0].At.Before(t.firing[0].At) {
		r.fails("messages come in order", "%s of %s: RESOLVED came before FIRING", t.id, i.series)
	}
	if len(t.firing) > 0 && t.firing[0].At.Before(i.fired) {
		r.fails("times are true", "%s of %s was announced at %s and fired at %s", t.id, i.series, stamp(t.firing[0].At), stamp(i.fired))
	}
	if len(t.firing) > 0 && j.mustBeAnnounced(i, t.firing[0].At) {
		r.fails("an incident is announced at once", "%s of %s fired at %s and was announced at %s", t.id, i.series, stamp(i.fired),
			stamp(t.firing[0].At))
	}
	if t.resolved[0].At.Before(i.resolved) || i.resolved.Before(i.fired) {
		r.fails("times are true", "%s of %s fired at %s, resolved at %s, and its end was announced at %s", t.id, i.series, stamp(i.fired),
			stamp(i.resolved), stamp(t.resolved[0].At))
	}
}

// mustBeAnnounced reports whether an incident had to be announced long before a time: Slack took messages, the process ran, and no silence
// of the probe held it back.
func (j *journal) mustBeAnnounced(i keptIncident, at time.Time) bool {
	overlaps := func(s span) bool { return s.from.Before(at) && s.until.Add(longest).After(i.fired) }
	silenced := slices.ContainsFunc(j.silences, func(s silenced) bool { return s.probe == i.series && overlaps(s.span) })
	return at.Sub(i.fired) > longest && !silenced && !slices.ContainsFunc(slices.Concat(j.slack, j.stood, j.restarts, j.unsure), overlaps)
}

// taken is how much later than it began a message may reach Slack.
const taken = 3 * time.Second

// checkSilence checks that there is no message about an incident while a silence covers it.
func (r *report) checkSilence(j *journal, id string, i keptIncident, of slackstub.Messages) {
	for _, quiet := range j.silences {
		if quiet.unsure || quiet.probe != i.series || j.unsureAt(quiet.from) || j.isBlankDuring(quiet.span) {
			continue
		}
		for _, m := range of {
			if m.At.After(quiet.from.Add(taken)) && m.At.Before(quiet.until.Add(-time.Second)) {
				r.fails("a silence is kept", "%s of %s was announced at %s, silenced from %s to %s: %s", id, i.series, stamp(m.At),
					stamp(quiet.from), stamp(quiet.until), m.Text)
			}
		}
	}
}

// mayBeQuiet reports whether an incident may be in no message, because of a silence. Its beginning was not delivered before the silence,
// and the silence lasts until its end. When Slack fails until the silence, the incident may be over before it.
func (j *journal) mayBeQuiet(i keptIncident) bool {
	return slices.ContainsFunc(j.silences, func(quiet silenced) bool {
		if quiet.probe != i.series {
			return false
		}
		waited := j.slackFails(i.fired.Add(taken), quiet.from)
		over := func(r span) bool { return r.holds(quiet.until, taken) && r.holds(i.resolved, taken) } // nobody could announce it
		lasts := quiet.holds(i.resolved, 2*time.Second) || slices.ContainsFunc(j.restarts, over)
		return lasts && (waited || !i.fired.Before(quiet.from.Add(-taken))) || waited && i.resolved.Before(quiet.from)
	})
}

// slackPause is the longest pause that the daemon makes after Slack has failed for as long as a soak lets it: pauses double.
const slackPause = 30 * time.Second

// slackFails reports whether Slack fails, or the daemon pauses because it has failed, all the time from one time to another.
func (j *journal) slackFails(from, until time.Time) bool {
	spans := slices.SortedFunc(slices.Values(j.slack), func(a, b span) int { return a.from.Compare(b.from) })
	for _, away := range spans {
		if !away.from.After(from) && away.until.Add(slackPause).After(from) {
			from = away.until.Add(slackPause)
		}
	}
	return !from.Before(until)
}

// isCoveredAfterSilence reports whether a silence of an incident ended while another incident was announced that blames the same
// credential. That one explains it, so that the end of the silence announces nothing.
func (j *journal) isCoveredAfterSilence(all map[string]keptIncident, messages map[string]slackstub.Messages, i keptIncident) bool {
	return slices.ContainsFunc(j.silences, func(quiet silenced) bool {
		if i.blamed == "" || quiet.probe != i.series || !quiet.holds(i.fired, taken) {
			return false
		}
		for id, other := range all {
			explains := other.blamed == i.blamed && other.series != i.series && len(messages[id]) > 0
			if explains && !other.fired.After(quiet.until.Add(taken)) && !other.resolved.Before(i.resolved.Add(-evaluated)) {
				return true
			}
		}
		return false
	})
}

// checkOrder checks that the incidents of a probe are announced one after the other.
func (r *report) checkOrder(j *journal, k *kept, all slackstub.Messages) {
	last := map[string]string{} // the incident that a probe's newest message is about
	over := map[string]bool{}   // incidents that a message ended
	for _, m := range all {
		id := m.Incident()
		i, ok := k.incidents[id]
		if !ok || i.isBuiltin() || j.isBlank(i) {
			continue
		}
		before := last[i.series]
		if before != "" && before != id && !over[before] && !j.unsureAt(m.At) {
			r.fails("messages come in order", "%s of %s is announced at %s before %s ended", id, i.series, stamp(m.At), before)
		}
		last[i.series] = id
		over[id] = over[id] || strings.HasPrefix(m.Text, "RESOLVED") || strings.HasPrefix(m.Text, "ENDED")
		if strings.Contains(m.Blocks, "*Also ") { // the ends of others may be in it
			clear(last)
		}
	}
}

// isNamed reports whether messages of another incident name a series that joined it: of its leader, or of one that lasted at least as long.
func isNamed(known map[string]keptIncident, messages map[string]slackstub.Messages, joined keptIncident) bool {
	for id, of := range messages {
		other, ok := known[id]
		longer := !other.fired.After(joined.fired) && !other.resolved.Before(joined.resolved)
		if !ok || !longer && joined.leader != id {
			continue
		}
		if slices.ContainsFunc(of, func(m slackstub.Message) bool { return slices.Contains(words(m.Blocks), joined.series) }) {
			return true
		}
	}
	return false
}

// isNamedInGroup reports whether a message about several incidents, of which one is the leader of an incident, names the incident's series.
func isNamedInGroup(all slackstub.Messages, messages map[string]slackstub.Messages, k *kept, joined keptIncident) bool {
	leader, ok := k.incidents[joined.leader]
	if !ok {
		return false
	}
	t := tellings(all, messages[joined.leader], joined.leader, leader)
	return t.grouped && slices.ContainsFunc(slices.Concat(t.firing, t.resolved), func(m slackstub.Message) bool {
		return slices.Contains(words(m.Blocks), joined.series)
	})
}

// words returns the words of a text, which end at anything that a name does not contain.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}
