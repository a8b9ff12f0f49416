package alert

import (
	"fmt"
	"iter"
	"math"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Maintenance is a recurring maintenance window, in which rules or probes are muted. It always lasts Duration, even if clocks are set
// forward or back during it. The tags are its keys in the configuration file.
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
		share := m.samples().share()
		f.Add(share >= mutedAlways, "duration",
			fmt.Sprintf("is %v: it mutes alerts %v of the time", m.Duration, share),
			"write a shorter duration or a schedule that begins less often; to stop an alert permanently, remove its rule")
	}
	return f.Err()
}

// ActiveMaintenance returns the maintenance windows that are active at now, as silences.
func ActiveMaintenance(all []Maintenance, now time.Time) []Silence {
	active := []Silence{}
	for i := range all {
		if until, ok := all[i].until(now); ok {
			active = append(active, all[i].silence(until))
		}
	}
	return active
}

// maxWindows limits the windows that MaintenanceSince returns of one maintenance.
const maxWindows = 500

// MaintenanceSince returns the maintenance windows that ended after from and began before or at until, as silences. It returns at most the
// first 500 windows of each schedule.
func MaintenanceSince(all []Maintenance, from, until time.Time) []Silence {
	var windows []Silence
	for i := range all {
		m := &all[i]
		begin := m.Schedule.Next(from.Add(-m.Duration))
		for n := 0; n < maxWindows && !begin.IsZero() && !begin.After(until); n++ {
			window := m.silence(begin.Add(m.Duration))
			window.From = begin
			windows = append(windows, window)
			begin = m.Schedule.Next(begin)
		}
	}
	return windows
}

// until returns when the maintenance window ends. It returns false when the window is not active at now.
func (m *Maintenance) until(now time.Time) (time.Time, bool) {
	begin := m.Schedule.Last(now.Add(-m.Duration), now)
	if begin.IsZero() {
		return time.Time{}, false
	}
	return begin.Add(m.Duration), true
}

// silence returns the active maintenance window as a silence.
func (m *Maintenance) silence(until time.Time) Silence {
	return Silence{ID: "maintenance " + m.Name, Rules: m.Rules, Probes: m.Probes, Until: until}
}

const (
	// mutedAlways is a share of the time. Maintenance windows that mute at least this share count as always active.
	mutedAlways setting.Share = 0.99
	// mutedMostly is a share of the time. Maintenance windows that mute at least this share cause a warning.
	mutedMostly setting.Share = 0.95
)

// samples says for each of 2000 evenly spread times of a year whether it is muted.
type samples []bool

// samples returns when this maintenance window mutes.
func (m *Maintenance) samples() samples {
	const number, year = 2000, 366 * 24 * time.Hour
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	muted := make(samples, number)
	for i := range muted {
		// The fractional parts of multiples of the golden ratio are evenly spread and follow no schedule's period. Source: the
		// three-distance theorem, https://en.wikipedia.org/wiki/Three-gap_theorem.
		_, part := math.Modf(float64(i) * math.Phi)
		at := begin.Add(time.Duration(part * float64(year))).Truncate(time.Second)
		next := m.Schedule.Next(at.Add(-m.Duration))
		muted[i] = !next.IsZero() && !next.After(at)
	}
	return muted
}

// share returns the muted share of the time.
func (s samples) share() setting.Share {
	muted := 0
	for _, is := range s {
		if is {
			muted++
		}
	}
	return setting.Share(muted) / setting.Share(len(s))
}

// MutedSeries is a series that maintenance windows together mute nearly all of the time.
type MutedSeries struct {
	Rule, Series string
	By           []int         // indexes of the maintenance windows
	Share        setting.Share // of the time
}

// Always reports whether the series counts as always muted: too little time is left for an alert to be delivered.
func (m *MutedSeries) Always() bool { return m.Share >= mutedAlways }

// MostlyMuted returns series that maintenance windows mute for 95 % of the time or more. It returns one series for each set of windows.
// Rules must have their defaults.
func MostlyMuted(all []Maintenance, rules []Rule, probes []probe.Probe) []MutedSeries {
	cache := make([]samples, len(all))
	var found []MutedSeries
	seen := map[string]bool{}
	for rule, series := range everySeries(rules, probes) {
		by := mutingWindows(all, rule, series)
		key := fmt.Sprint(by)
		if len(by) == 0 || seen[key] {
			continue
		}
		seen[key] = true
		if share := mutedSamples(all, cache, by).share(); share >= mutedMostly {
			found = append(found, MutedSeries{Rule: rule.Name, Series: series, By: by, Share: share})
		}
	}
	return found
}

// MutesNothing reports whether the maintenance window applies to no series. That can be so although each of its globs matches something:
// its rules glob may match a rule per credential, which has no series for the probes that its probes glob matches.
func (m *Maintenance) MutesNothing(rules []Rule, probes []probe.Probe) bool {
	silence := m.silence(time.Time{})
	for rule, series := range everySeries(rules, probes) {
		if silence.mutes(rule.Name, rule.Per, series) {
			return false
		}
	}
	return true
}

// everySeries iterates over the series of the rules and of the built-in rules. A series is yielded once for each of its probes.
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

// mutingWindows returns the indexes of the maintenance windows that apply to a series.
func mutingWindows(all []Maintenance, rule *Rule, series string) []int {
	var by []int
	for i := range all {
		if silence := all[i].silence(time.Time{}); silence.mutes(rule.Name, rule.Per, series) {
			by = append(by, i)
		}
	}
	return by
}

// mutedSamples returns, for each sample, whether at least one of the maintenance windows mutes it. It stores the samples of each window in
// cache.
func mutedSamples(all []Maintenance, cache []samples, some []int) samples {
	var muted samples
	for _, i := range some {
		if cache[i] == nil {
			cache[i] = all[i].samples()
		}
		if muted == nil {
			muted = make(samples, len(cache[i]))
		}
		for at, is := range cache[i] {
			muted[at] = muted[at] || is
		}
	}
	return muted
}
