package alert_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
)

// TestSilencesAreBounded checks that no more silences are accepted above the limit until some have ended.
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
			t.Errorf("want one taken when others are over, got %v", err)
		}
		_, err := s.Add(t.Context(), alert.Silence{Rules: make([]string, 51), Until: time.Now().Add(time.Hour)})
		if err == nil {
			t.Error("want too many names refused")
		}
	})
}
