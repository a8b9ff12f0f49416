package history_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
)

// FuzzStoredRun reads runs as they may be in a damaged database. A row is read as it is, or an error says what could not be read, and
// the runs of another probe are read in any case.
func FuzzStoredRun(f *testing.F) {
	evidence := `[{"for": "api", "text": "a", "at": "2026-10-07T03:00:00Z"}]`
	f.Add("success", "", evidence, `{"attempts": [{"class": "timeout"}]}`, "200", "1", "\x01")
	f.Add("nonsense", "\xff\x1b[31m", "{", "[]", "many", "", strings.Repeat("x", 40))
	b := open(f, filepath.Join(f.TempDir(), "x.db"))
	now := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	onlySQLite(f, "stores any value in any column")
	f.Fuzz(func(t *testing.T, class, reason, evidence, detail, code, took, trace string) {
		const columns = `INSERT INTO runs (ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame,
			reason, excerpt, trace, span, evidence, settle, detail) VALUES `
		for _, statement := range []string{
			`DELETE FROM runs`,
			columns + `(?1, 'damaged', ?3, ?1, ?1, ?7, ?6, ?2, ?6, ?6, ?7, ?3, ?3, ?3, ?8, ?8, ?4, ?3, ?5)`,
			columns + `(?1, 'good', '', ?1, ?1, 1, 1, 'success', 200, 1, 0, '', '', '', x'01', x'01', NULL, '', NULL)`,
		} {
			if _, err := b.db.ExecContext(t.Context(), statement, now.UnixMicro(), class, reason, evidence, detail, code, took, trace); err != nil {
				t.Fatal(err)
			}
		}
		from, until := now.Add(-time.Hour), now.Add(time.Hour)
		if good, err := b.RunsOf(t.Context(), "good", from, until, 10); err != nil || len(good) != 1 {
			t.Errorf("want the run of the other probe, got %v, %v", good, err)
		}
		records, err := b.RunsOf(t.Context(), "damaged", from, until, 10)
		if (err == nil) != (len(records) == 1) {
			t.Errorf("want the run or an error, got %v, %v", records, err)
		}
		for r, err := range b.Runs(t.Context(), from, until) {
			if err != nil && !strings.HasPrefix(err.Error(), "read a run: ") {
				t.Errorf("want an error that says what was read, got %v", err)
			}
			if r != nil && r.Probe == "" {
				t.Errorf("want a run with its probe, got %+v", r)
			}
		}
		var id probe.TraceID
		copy(id[:], trace)
		if r, err := b.Store.Run(t.Context(), id); err == nil {
			if _, err := json.Marshal(r.Attempts); err != nil {
				t.Errorf("what was read cannot be shown: %v", err)
			}
		}
	})
}
