package alert

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/config/setting"
)

// Silence mutes rules or probes until a time. Probing, recording and evaluation continue; only messages are held back.
type Silence struct {
	ID      string    `json:"id"`
	Rules   []string  `json:"rules,omitempty"`  // globs of rule names; all when empty
	Probes  []string  `json:"probes,omitempty"` // globs of probe names, for series of one probe; all series when empty
	Series  []string  `json:"series,omitempty"` // globs of series names of any kind; all when empty
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
	Removed time.Time `json:"removed,omitzero"` // when a person ended it early; only in the records of an incident
}

// End returns when the silence ends, or ended.
func (s *Silence) End() time.Time {
	if !s.Removed.IsZero() && s.Removed.Before(s.Until) {
		return s.Removed
	}
	return s.Until
}

// Mutes reports whether the silence applies to an incident at some time.
func (s *Silence) Mutes(i *Incident) bool { return s.mutes(i.Rule, i.Per, i.Series) }

// Active reports whether the silence applies at now.
func (s *Silence) Active(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// mutes reports whether the silence applies to a series of a rule.
func (s *Silence) mutes(rule string, per Per, series string) bool {
	switch {
	case len(s.Rules) > 0 && !matches(s.Rules, rule):
		return false
	case len(s.Probes) > 0 && (per != PerProbe || !matches(s.Probes, series)):
		return false
	}
	return len(s.Series) == 0 || matches(s.Series, series)
}

// CountMuted returns how many series a silence applies to. With 0 it mutes nothing.
func (e *Engine) CountMuted(silence *Silence) int {
	n := 0
	for _, s := range e.all {
		if silence.mutes(s.rule.Name, s.rule.Per, s.name) {
			n++
		}
	}
	return n
}

// CountMuted returns how many series a silence applies to; see [Engine.CountMuted].
func (v *Evaluator) CountMuted(silence *Silence) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.CountMuted(silence)
}

// matches reports whether one of the globs matches the name.
func matches(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	})
}

// maxSilence is how long a silence may last. It limits the damage of a forgotten silence.
const maxSilence = 30 * 24 * time.Hour

// maxSilences limits the silences at one time, maxGlobs the names and globs in each list of a silence. People need a few; a faulty
// program must not slow down every evaluation.
const (
	maxSilences = 200
	maxGlobs    = 50
)

// ErrTooManySilences is returned when a silence is added and there are already as many as allowed.
var ErrTooManySilences = fmt.Errorf("there are already %d silences; remove some with squarewatch silence remove, "+
	"or write one silence with globs", maxSilences)

// ErrNoSilence is returned when a silence that does not exist is removed.
var ErrNoSilence = errors.New("the silence does not exist: squarewatch silence list shows all silences")

// ErrNotKept marks an error that says why a change of silences is not on the disk yet. The change is in force, and is written as soon as
// the disk accepts it.
var ErrNotKept = errors.New("it is in force, but not on the disk yet; a restart before that would lose the change")

// SilenceStore keeps silences over restarts; [squarewatch/alert/outbox.Outbox] implements it. It accepts every change. An error says why
// the change is not on the disk yet.
type SilenceStore interface {
	// PutSilence adds a silence, or replaces the one with the same identifier.
	PutSilence(ctx context.Context, s Silence) error
	// DeleteSilence removes a silence.
	DeleteSilence(ctx context.Context, id string) error
}

// Silences holds the silences that people have set. Methods may be called by many goroutines.
type Silences struct {
	store SilenceStore        // nil to keep silences in memory only
	apply func(all []Silence) // receives every silence that has not ended

	mu  sync.Mutex
	all []Silence
}

// NewSilences returns a set with the silences of an earlier process. It calls apply after every change. With a nil store,
// silences do not survive a restart.
func NewSilences(earlier []Silence, store SilenceStore, apply func(all []Silence)) *Silences {
	return &Silences{store: store, apply: apply, all: slices.Clone(earlier)}
}

// Add starts a silence and returns it with its identifier. Faults are [setting.Invalid], joined. With an error that is [ErrNotKept], the
// silence is in force.
func (s *Silences) Add(ctx context.Context, silence Silence) (Silence, error) {
	now := time.Now().Round(0)
	if silence.From.IsZero() {
		silence.From = now
	}
	if err := silence.validate(now); err != nil {
		return Silence{}, err
	}
	silence.ID = strings.ToLower(rand.Text()[:8])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removeExpiredLocked(now); len(s.all) >= maxSilences {
		return Silence{}, ErrTooManySilences
	}
	s.all = append(s.all, silence)
	s.applyLocked(now)
	if s.store == nil {
		return silence, nil
	}
	return silence, notKept(s.store.PutSilence(ctx, silence))
}

// notKept wraps an error of the store in [ErrNotKept].
func notKept(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNotKept, err)
}

// Recover adds silences of an earlier process that could not be read at the start. It does not replace a silence with the same identifier.
func (s *Silences) Recover(stored []Silence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range stored {
		if !slices.ContainsFunc(s.all, func(known Silence) bool { return known.ID == stored[i].ID }) {
			s.all = append(s.all, stored[i])
		}
	}
	s.applyLocked(time.Now())
}

// Remove ends a silence. With an error that is [ErrNotKept], the silence is over.
func (s *Silences) Remove(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(silence Silence) bool { return silence.ID == id })
	if i < 0 {
		return fmt.Errorf("remove silence %q: %w", id, ErrNoSilence)
	}
	s.all = slices.Delete(s.all, i, i+1)
	s.applyLocked(time.Now())
	if s.store == nil {
		return nil
	}
	return notKept(s.store.DeleteSilence(ctx, id))
}

// List returns the silences that have not ended, sorted by end, earliest first.
func (s *Silences) List() []Silence {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeExpiredLocked(time.Now())
	list := slices.Clone(s.all)
	slices.SortStableFunc(list, func(a, b Silence) int { return a.Until.Compare(b.Until) })
	return list
}

// applyLocked removes expired silences and passes the others to apply. The caller holds mu.
func (s *Silences) applyLocked(now time.Time) {
	s.removeExpiredLocked(now)
	s.apply(slices.Clone(s.all))
}

// removeExpiredLocked removes the silences that have ended. The caller holds mu.
func (s *Silences) removeExpiredLocked(now time.Time) {
	s.all = slices.DeleteFunc(s.all, func(silence Silence) bool { return !now.Before(silence.Until) })
}

// validate returns every fault of a silence, joined.
func (s *Silence) validate(now time.Time) error {
	var f setting.Faults
	f.Add(!s.Until.After(now) || !s.Until.After(s.From), "until", "is in the past or before the start", "write a future time")
	f.Add(s.Until.Sub(now) > maxSilence, "until", "is more than 30 days from now", "write an earlier time, or change the rule")
	for field, globs := range map[string][]string{"rules": s.Rules, "probes": s.Probes, "series": s.Series} {
		f.AddGlobs(field, globs)
		f.Add(len(globs) > maxGlobs, field, fmt.Sprintf("has %d names", len(globs)), fmt.Sprintf("write at most %d, or globs", maxGlobs))
	}
	const longestText = 500
	f.Add(len(s.Comment) > longestText, "comment", "is too long", "write at most 500 characters")
	f.Add(len(s.By) > longestText, "by", "is too long", "write at most 500 characters")
	return f.Err()
}
