package main

import (
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheSizesOfTheStateAreMetrics reads the sizes of the database and of its write-ahead log.
func TestTheSizesOfTheStateAreMetrics(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(2 * time.Minute)
		_, page := s.get("/metrics")
		for _, name := range []string{"squarewatch_state_database_bytes", "squarewatch_state_wal_bytes"} {
			found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(page)
			if found == nil {
				t.Errorf("want %s on the page", name)
			} else if size, err := strconv.ParseFloat(found[1], 64); err != nil || size < 4096 {
				t.Errorf("%s: want at least 4096 bytes, one page of the database, got %s", name, found[1])
			}
		}
	})
}
