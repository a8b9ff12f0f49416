package alert

import (
	"fmt"
	"iter"
	"math"
	"time"

	"squarewatch/probe"
)

// Maintenance is a time that comes again and again in which rules or probes are muted. It lasts as long as it says, whatever clocks do
// meanwhile. The tags are its keys in the configuration file.
type Maintenance struct {
	Name     string         `yaml:"name"`
	Schedule probe.Schedule `yaml:"schedule"` // when it begins; CRON_TZ=Zone in front fixes the time zone
	Duration time.Duration  `yaml:"duration"`
	Rules    []string       `yaml:"rules,omitempty"`  // globs over names; all when absent
	Probes   []string       `yaml:"probes,omitempty"` // globs over the probes of rules per probe; all series when absent
}

// Validate reports every fault of the settings as [probe.Invalid], joined.
func (m *Maintenance) Validate() error {
	var f faults
	f.addName(m.Name, "weekly-update")
	f.add(m.Schedule.IsZero(), "schedule", "is missing", `write when it begins, for example "CRON_TZ=Europe/Berlin 0 2 * * 0"`)
	f.add(m.Duration <= 0 || m.Duration > 7*24*time.Hour, "duration", "is "+m.Duration.String(), "write how long it lasts, up to 7d, for example 2h")
	f.addGlobs("rules", m.Rules)
	f.addGlobs("probes", m.Probes)
	if len(f) == 0 {
		share := m.moments().share()
		f.add(share >= mutedAlways, "duration", fmt.Sprintf("is %v, so that this maintenance mutes %v of the time and its alerts reach nobody", m.Duration, share),
			"write a shorter duration or a schedule that begins less often; to stop an alert for good, take it out of the rules")
	}
	return f.join()
}

// until returns when the window ends that now lies in; false when now lies in none.
func (m *Maintenance) until(now time.Time) (time.Time, bool) {
	begin := m.Schedule.Last(now.Add(-m.Duration), now)
	if begin.IsZero() {
		return time.Time{}, false
	}
	return begin.Add(m.Duration), true
}

// silence returns the window that now lies in as a silence.
func (m *Maintenance) silence(until time.Time) Silence {
	return Silence{ID: "maintenance " + m.Name, Rules: m.Rules, Probes: m.Probes, Until: until}
}

// mutesAll is the share of the time from which on maintenance is taken to mute all of it: the minute that is left may as well not be
// there.
const mutedAlways Share = 0.99

// moments are moments of a year, spread evenly, with whether each is muted.
type moments []bool

// moments returns when this maintenance mutes.
func (m *Maintenance) moments() moments {
	const number, year = 2000, 366 * 24 * time.Hour
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	muted := make(moments, number)
	for i := range muted {
		// Multiples of the golden ratio fall into step with no schedule.
		_, part := math.Modf(float64(i) * math.Phi)
		at := begin.Add(time.Duration(part * float64(year))).Truncate(time.Second)
		next := m.Schedule.Next(at.Add(-m.Duration))
		muted[i] = !next.IsZero() && !next.After(at)
	}
	return muted
}

// share returns which share of the time is muted.
func (m moments) share() Share {
	muted := 0
	for _, is := range m {
		if is {
			muted++
		}
	}
	return Share(muted) / Share(len(m))
}

// Always is a series that several maintenances together mute all of the time.
type Always struct {
	Rule, Series string
	By           []int // the maintenances, by their index
}

// MutedAlways returns the series that no single maintenance but all of them together mute all of the time, one for each set of
// maintenances. Rules must have their defaults.
func MutedAlways(all []Maintenance, rules []Rule, probes []probe.Probe) []Always {
	if len(all) < 2 {
		return nil
	}
	known := make([]moments, len(all))
	var found []Always
	seen := map[string]bool{}
	for rule, series := range everySeries(rules, probes) {
		by := thatMute(all, rule, series)
		key := fmt.Sprint(by)
		if len(by) < 2 || seen[key] {
			continue
		}
		seen[key] = true
		if together(all, known, by).share() >= mutedAlways {
			found = append(found, Always{Rule: rule.Name, Series: series, By: by})
		}
	}
	return found
}

// MutesNothing reports whether there is no series that the maintenance is about, whatever each of its globs matches by itself: a rule
// per credential has no series of a probe.
func (m *Maintenance) MutesNothing(rules []Rule, probes []probe.Probe) bool {
	silence := m.silence(time.Time{})
	for rule, series := range everySeries(rules, probes) {
		if silence.mutes(rule.Name, rule.Per, series) {
			return false
		}
	}
	return true
}

// everySeries goes through the series of the rules and of the built-in ones. One that several probes share comes several times.
func everySeries(rules []Rule, probes []probe.Probe) iter.Seq2[*Rule, string] {
	return func(yield func(*Rule, string) bool) {
		for _, k := range kinds() {
			all := k.rules(rules)
			for r := range all {
				if !k.series(&all[r], probes, yield) {
					return
				}
			}
		}
	}
}

// series goes through the series of one rule; false when yield wants no more.
func (k *kind) series(rule *Rule, probes []probe.Probe, yield func(*Rule, string) bool) bool {
	for i := range probes {
		p := &probes[i]
		if k.accepts(p) && rule.Watches(p.Name) && !yield(rule, rule.SeriesOf(p)) {
			return false
		}
	}
	return true
}

// thatMute returns the maintenances that are about a series, by their index.
func thatMute(all []Maintenance, rule *Rule, series string) []int {
	var by []int
	for i := range all {
		if silence := all[i].silence(time.Time{}); silence.mutes(rule.Name, rule.Per, series) {
			by = append(by, i)
		}
	}
	return by
}

// together returns when one of some maintenances mutes. It keeps in known what it finds out about each.
func together(all []Maintenance, known []moments, some []int) moments {
	var muted moments
	for _, i := range some {
		if known[i] == nil {
			known[i] = all[i].moments()
		}
		if muted == nil {
			muted = make(moments, len(known[i]))
		}
		for at, is := range known[i] {
			muted[at] = muted[at] || is
		}
	}
	return muted
}
