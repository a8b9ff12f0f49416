package alert_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
)

// TestSilencesAreBounded checks that a silence above the limit is refused until others have ended.
func TestSilencesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alert.NewSilences(nil, nil, func([]alert.Silence) {})
		add := func() error {
			_, err := s.Add(t.Context(), alert.Silence{Rules: []string{"a"}, Until: time.Now().Add(time.Hour)})
			return err
		}
		for range 200 {
			if err := add(); err != nil {
				t.Fatal(err)
			}
		}
		if err := add(); !errors.Is(err, alert.ErrTooManySilences) {
			t.Errorf("want one more refused, got %v", err)
		}
		<-time.After(2 * time.Hour)
		if err := add(); err != nil {
			t.Errorf("want a silence accepted when others have ended, got %v", err)
		}
		for want, silence := range map[string]alert.Silence{
			"rules has 51 names":          {Rules: slices.Repeat([]string{"a"}, 51), Until: time.Now().Add(time.Hour)},
			"is more than 30 days":        {Rules: []string{"a"}, Until: time.Now().Add(31 * 24 * time.Hour)},
			"comment is too long":         {Rules: []string{"a"}, Until: time.Now().Add(time.Hour), Comment: strings.Repeat("x", 501)},
			"in the past or before the s": {Rules: []string{"a"}, Until: time.Now()},
		} {
			if _, err := s.Add(t.Context(), silence); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %v", want, err)
			}
		}
	})
}
