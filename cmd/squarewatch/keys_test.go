package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStatusTellsTheAgeOfKeys replaces a key by a reload. A restart with the same key does not change its age.
func TestStatusTellsTheAgeOfKeys(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		since := func(s *scene) time.Duration {
			t.Helper()
			_, body := s.get("/api/v1/status")
			var status statusJSON
			if err := json.Unmarshal([]byte(body), &status); err != nil || len(status.Keys) != 1 || status.Keys[0].Credential != "partner" {
				t.Fatalf("want the key of partner, got %v in %s", err, body)
			}
			return status.Keys[0].Since.Sub(began).Round(time.Minute)
		}
		first := newSceneWith(t, file, func(*Options) {})
		first.after(time.Hour)
		if got := since(first); got != 0 {
			t.Errorf("want the key in use since the start, got %v after the start", got)
		}
		first.stop()
		second := newSceneWith(t, file, func(*Options) {})
		defer second.stop()
		second.after(time.Minute)
		if got := since(second); got != 0 {
			t.Errorf("want the same age after a restart, got %v after the start", got)
		}
		second.reload(strings.Replace(file, "aisq-demo-key", "aisq-another-key", 1))
		second.after(time.Minute)
		if got := since(second); got != 61*time.Minute {
			t.Errorf("want the new key in use since the reload, got %v after the start", got)
		}
	})
}
