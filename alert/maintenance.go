package alert

import (
	"fmt"
	"iter"
	"math"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Maintenance is a recurring time in which rules or probes are muted. It always lasts Duration, also when the clock changes meanwhile.
// The tags are its keys in the configuration file.
type Maintenance struct {
	Name     string         `yaml:"name"`
	Schedule probe.Schedule `yaml:"schedule"` // when it begins; a prefix CRON_TZ=Zone sets the time zone
	Duration time.Duration  `yaml:"duration"`
	Rules    []string       `yaml:"rules,omitempty"`  // globs of rule names; all when absent
	Probes   []string       `yaml:"probes,omitempty"` // globs of probe names, for rules per probe; all series when absent
}

// Validate returns every fault of the settings as [setting.Invalid], joined.
func (m *Maintenance) Validate() error {
	var f setting.Faults
	f.AddName("name", m.Name, "weekly-update")
	f.Add(m.Schedule.IsZero(), "schedule", "is missing", `write when it begins, for example "CRON_TZ=Europe/Berlin 0 2 * * 0"`)
	f.Add(m.Duration <= 0 || m.Duration > 7*24*time.Hour, "duration", "is "+m.Duration.String(),
		"write how long it lasts, up to 7d, for example 2h")
	f.AddGlobs("rules", m.Rules)
	f.AddGlobs("probes", m.Probes)
	if len(f) == 0 {
		share := m.moments().share()
		f.Add(share >= mutedAlways, "duration",
			fmt.Sprintf("is %v, so that this maintenance mutes %v of the time and its alerts reach nobody", m.Duration, share),
			"write a shorter duration or a schedule that begins less often; to stop an alert for good, take it out of the rules")
	}
	return f.Err()
}

// until returns when the maintenance ends that is active at now; false when none is.
func (m *Maintenance) until(now time.Time) (time.Time, bool) {
	begin := m.Schedule.Last(now.Add(-m.Duration), now)
	if begin.IsZero() {
		return time.Time{}, false
	}
	return begin.Add(m.Duration), true
}

// silence returns the active maintenance as a silence.
func (m *Maintenance) silence(until time.Time) Silence {
	return Silence{ID: "maintenance " + m.Name, Rules: m.Rules, Probes: m.Probes, Until: until}
}

// mutedAlways is the share of time above which maintenance counts as always active.
const mutedAlways setting.Share = 0.99

// moments are times of a year, evenly spread, with whether each is muted.
type moments []bool

// moments returns when this maintenance mutes.
func (m *Maintenance) moments() moments {
	const number, year = 2000, 366 * 24 * time.Hour
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	muted := make(moments, number)
	for i := range muted {
		// Multiples of the golden ratio are evenly spread and coincide with no schedule.
		_, part := math.Modf(float64(i) * math.Phi)
		at := begin.Add(time.Duration(part * float64(year))).Truncate(time.Second)
		next := m.Schedule.Next(at.Add(-m.Duration))
		muted[i] = !next.IsZero() && !next.After(at)
	}
	return muted
}

// share returns the muted share of the time.
func (m moments) share() setting.Share {
	muted := 0
	for _, is := range m {
		if is {
			muted++
		}
	}
	return setting.Share(muted) / setting.Share(len(m))
}

// Always is a series that several maintenances together always mute.
type Always struct {
	Rule, Series string
	By           []int // indexes of the maintenances
}

// MutedAlways returns the series that several maintenances together always mute although no single one does, one series for each set of
// maintenances. Rules must have their defaults.
func MutedAlways(all []Maintenance, rules []Rule, probes []probe.Probe) []Always {
	if len(all) < 2 {
		return nil
	}
	cache := make([]moments, len(all))
	var found []Always
	seen := map[string]bool{}
	for rule, series := range everySeries(rules, probes) {
		by := thatMute(all, rule, series)
		key := fmt.Sprint(by)
		if len(by) < 2 || seen[key] {
			continue
		}
		seen[key] = true
		if together(all, cache, by).share() >= mutedAlways {
			found = append(found, Always{Rule: rule.Name, Series: series, By: by})
		}
	}
	return found
}

// MutesNothing reports whether the maintenance applies to no series, although each of its globs may match something. For example, a rule
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

// everySeries iterates over the series of the rules and of the built-in rules. A series of several probes comes several times.
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

// series iterates over the series of one rule; false when yield stops it.
func (k *kind) series(rule *Rule, probes []probe.Probe, yield func(*Rule, string) bool) bool {
	for i := range probes {
		p := &probes[i]
		if k.accepts(p) && rule.Watches(p.Name) && !yield(rule, rule.SeriesOf(p)) {
			return false
		}
	}
	return true
}

// thatMute returns the indexes of the maintenances that apply to a series.
func thatMute(all []Maintenance, rule *Rule, series string) []int {
	var by []int
	for i := range all {
		if silence := all[i].silence(time.Time{}); silence.mutes(rule.Name, rule.Per, series) {
			by = append(by, i)
		}
	}
	return by
}

// together returns when at least one of some maintenances mutes. It stores the moments of each in cache.
func together(all []Maintenance, cache []moments, some []int) moments {
	var muted moments
	for _, i := range some {
		if cache[i] == nil {
			cache[i] = all[i].moments()
		}
		if muted == nil {
			muted = make(moments, len(cache[i]))
		}
		for at, is := range cache[i] {
			muted[at] = muted[at] || is
		}
	}
	return muted
}
