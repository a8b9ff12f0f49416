package alert

import (
	"path"
	"slices"
	"time"
)

// Silence mutes rules or probes until a time. Probing, recording and judging go on; only messages wait.
type Silence struct {
	ID      string    `json:"id"`
	Rules   []string  `json:"rules,omitempty"`  // globs over names; all when empty
	Probes  []string  `json:"probes,omitempty"` // globs over the probes of series of a probe; all series when empty
	Series  []string  `json:"series,omitempty"` // globs over the names of series of any kind; all when empty
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
}

// Active reports whether the silence holds at now.
func (s *Silence) Active(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// mutes reports whether the silence is about a series of a rule.
func (s *Silence) mutes(rule string, per Per, series string) bool {
	switch {
	case len(s.Rules) > 0 && !matches(s.Rules, rule):
		return false
	case len(s.Probes) > 0 && (per != PerProbe || !matches(s.Probes, series)):
		return false
	}
	return len(s.Series) == 0 || matches(s.Series, series)
}

// Muted returns how many series a silence is about. One that is about none mutes nothing, whatever happens.
func (e *Engine) Muted(silence *Silence) int {
	n := 0
	for _, s := range e.all {
		if silence.mutes(s.rule.Name, s.rule.Per, s.name) {
			n++
		}
	}
	return n
}

// Muted returns how many series a silence is about; see [Engine.Muted].
func (v *Evaluator) Muted(silence *Silence) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.Muted(silence)
}

// matches reports whether one of the globs matches the name.
func matches(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	})
}
