package alert

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/config/setting"
)

// longestSilence is how long a silence may last: who forgets one must not be deaf for ever.
const longestSilence = 30 * 24 * time.Hour

// mostSilences is how many there may be at a time, and mostGlobs how many names and globs one may have. People need a few; a program that
// goes wrong must not slow down every evaluation.
const (
	mostSilences = 200
	mostGlobs    = 50
)

// ErrTooManySilences is the error of adding one too many.
var ErrTooManySilences = fmt.Errorf("there are %d silences already: remove some with squarewatch silence remove, or let one mute more with globs", mostSilences)

// ErrNoSilence is the error of removing what is not there.
var ErrNoSilence = errors.New("there is no such silence: see squarewatch silence list")

// SilenceStore keeps silences over restarts; the store of package outbox implements it.
type SilenceStore interface {
	// PutSilence adds a silence, or replaces the one with the same identifier.
	PutSilence(ctx context.Context, s Silence) error
	// DeleteSilence removes a silence.
	DeleteSilence(ctx context.Context, id string) error
}

// Silences are those that people have set. Methods may be called by many goroutines.
type Silences struct {
	store SilenceStore        // nil for none
	apply func(all []Silence) // takes those in force and to come

	mu  sync.Mutex
	all []Silence
}

// NewSilences returns the silences that are known from earlier; apply is told of every change. A nil store keeps them in
// memory.
func NewSilences(known []Silence, store SilenceStore, apply func(all []Silence)) *Silences {
	return &Silences{store: store, apply: apply, all: slices.Clone(known)}
}

// Add puts a silence into force and returns it with its identifier. Faults are [setting.Invalid], joined.
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
	if s.forget(now); len(s.all) >= mostSilences {
		return Silence{}, ErrTooManySilences
	}
	if s.store != nil {
		if err := s.store.PutSilence(ctx, silence); err != nil {
			return Silence{}, fmt.Errorf("keep the silence: %w; it would not survive a restart, so it is not in force", err)
		}
	}
	s.all = append(s.all, silence)
	s.tell(now)
	return silence, nil
}

// Remove ends a silence.
func (s *Silences) Remove(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(known Silence) bool { return known.ID == id })
	if i < 0 {
		return fmt.Errorf("remove silence %q: %w", id, ErrNoSilence)
	}
	if s.store != nil {
		if err := s.store.DeleteSilence(ctx, id); err != nil {
			return fmt.Errorf("remove silence %q: %w", id, err)
		}
	}
	s.all = slices.Delete(s.all, i, i+1)
	s.tell(time.Now())
	return nil
}

// List returns those in force and to come, the one that ends first in front.
func (s *Silences) List() []Silence {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	list := slices.Clone(s.all)
	slices.SortStableFunc(list, func(a, b Silence) int { return a.Until.Compare(b.Until) })
	return list
}

// tell hands on what holds. The lock is held.
func (s *Silences) tell(now time.Time) {
	s.forget(now)
	s.apply(slices.Clone(s.all))
}

// forget drops what is over. The lock is held.
func (s *Silences) forget(now time.Time) {
	s.all = slices.DeleteFunc(s.all, func(known Silence) bool { return !now.Before(known.Until) })
}

// validate reports what is wrong with a silence.
func (s *Silence) validate(now time.Time) error {
	var faults setting.Faults
	faults.Add(!s.Until.After(now) || !s.Until.After(s.From), "until", "lies in the past, or before the beginning", "write a time to come")
	faults.Add(s.Until.Sub(now) > longestSilence, "until", "is more than 30 days from now", "write an earlier time, or change the rule")
	for field, globs := range map[string][]string{"rules": s.Rules, "probes": s.Probes, "series": s.Series} {
		faults.AddGlobs(field, globs)
		faults.Add(len(globs) > mostGlobs, field, fmt.Sprintf("has %d names", len(globs)), fmt.Sprintf("write at most %d, or globs", mostGlobs))
	}
	const longestText = 500
	faults.Add(len(s.Comment) > longestText || len(s.By) > longestText, "comment", "is too long", "write at most 500 characters")
	return faults.Err()
}
