package history_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe/database"

	"github.com/google/go-cmp/cmp"
)

func TestKeysSince(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	b := open(t, path)
	day := func(n int) time.Time { return time.Date(2026, 10, n, 3, 30, 0, 0, time.UTC) }
	for _, c := range []struct {
		day  int
		keys map[string]string
		want map[string]time.Time
	}{
		{1, map[string]string{"partner": "first-secret"}, map[string]time.Time{"partner": day(1)}},
		{2, map[string]string{"partner": "first-secret", "other": "first-secret"}, map[string]time.Time{"partner": day(1), "other": day(2)}},
		{3, map[string]string{"partner": "second-secret"}, map[string]time.Time{"partner": day(3)}},
		{4, map[string]string{"partner": "second-secret", "other": "first-secret"}, map[string]time.Time{"partner": day(3), "other": day(2)}},
		{5, map[string]string{"partner": "first-secret"}, map[string]time.Time{"partner": day(5)}},
	} {
		got, err := b.KeysSince(t.Context(), c.keys, day(c.day))
		for name := range got {
			got[name] = got[name].UTC()
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("day %d: %v, -want +got:\n%s", c.day, err, diff)
		}
	}
	if database.IsPostgres(b.db) {
		return
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("want the database, got %v, %v", files, err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s holds a key, or %v", file, err)
		}
	}
}
