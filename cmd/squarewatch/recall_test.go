package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe/database"
)

// longHistory writes a database with the roll-ups of three days. Each of the probes runs every 30 s, and p0 has failed for a day. Roll-ups
// of minutes older than fineRollups are left out, because a start reads the roll-ups of hours for that time.
func longHistory(t *testing.T, path string, probes int, now time.Time) {
	t.Helper()
	o, err := openDatabase(t.Context(), path, discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.db.Close() }()
	names := make([]string, probes)
	for i := range names {
		names[i] = fmt.Sprintf("('p%d')", i)
	}
	for _, table := range []struct {
		name, column string
		length, age  time.Duration
	}{{"rollups", "minute", time.Minute, fineRollups + time.Hour}, {"hours", "hour", time.Hour, 72 * time.Hour}} {
		begin, end := now.Add(-table.age).Truncate(time.Hour), now.Truncate(table.length)
		_, err := o.db.ExecContext(t.Context(), fmt.Sprintf(`WITH names(name) AS (VALUES %s),
			times(at) AS (SELECT ?1 UNION ALL SELECT at + ?3 FROM times WHERE at + ?3 < ?2)
			INSERT INTO %s (%s, probe, credential, class, code, expected, blame, runs, latency, slowest)
			SELECT at, name, '', CASE WHEN name = 'p0' AND at >= ?4 THEN 'server_error' ELSE 'success' END,
				CASE WHEN name = 'p0' AND at >= ?4 THEN 500 ELSE 200 END, NOT (name = 'p0' AND at >= ?4), '', ?5, 1000, 1000 FROM times, names`,
			strings.Join(names, ","), table.name, table.column),
			begin.UnixMicro(), end.UnixMicro(), table.length.Microseconds(), now.Add(-24*time.Hour).UnixMicro(), int(table.length/(30*time.Second)))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = o.db.ExecContext(t.Context(), `INSERT INTO watches VALUES (?, ?)`, now.Add(-72*time.Hour).UnixMicro(), now.UnixMicro())
	if err != nil {
		t.Fatal(err)
	}
}

func longFile(t *testing.T, probes int) (file, directory string) {
	t.Helper()
	directory = memoryDir(t)
	var list strings.Builder
	for i := range probes {
		fmt.Fprintf(&list, "  - {name: p%d, path: /p%d/}\n", i, i)
	}
	return fmt.Sprintf(`
target: http://127.0.0.1:1
catalogue: none
defaults: {schedule: "@every 30s"}
probes:
%srules:
  - {name: objective, on: [5xx], per: probe, objective: 99.9%%, period: 30d}
listen: 127.0.0.1:0
state_dir: %s
`, list.String(), directory), directory
}

// TestALongHistoryFillsTheWindowsAfterTheStart checks that a start with more than largestRecall roll-ups fills the windows later.
func TestALongHistoryFillsTheWindowsAfterTheStart(t *testing.T) {
	const probes = 300 // more than 120,000 roll-ups: a quick start reads at most 50,000
	text, directory := longFile(t, probes)
	file := filepath.Join(directory, "squarewatch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := (&configFile{flag: file, process: process{env: os.LookupEnv}}).read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	longHistory(t, databasePath(cfg), probes, now)
	o, err := openDatabase(t.Context(), databasePath(cfg), discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.db.Close() }()
	engine, err := newEngine(cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := o.recall(t.Context(), engine, now); err != nil {
		t.Fatal(err)
	}
	engine.Resume(now)
	t.Logf("recalled in %v", time.Since(begin))
	if o.filled.IsZero() {
		t.Fatal("want the windows filled after the start")
	}
	evaluator := alert.NewEvaluator(engine, func(alert.Transition) {})
	begin = time.Now()
	if err := o.fill(t.Context(), evaluator); err != nil {
		t.Fatal(err)
	}
	t.Logf("filled in %v", time.Since(begin))
	for _, status := range evaluator.Snapshot() {
		if status.Rule == "objective" && status.Series == "p0" && (status.Runs == 0 || status.Rate < 0.9) {
			t.Errorf("want the failed day in the window, got %d runs, %v bad", status.Runs, status.Rate)
		}
	}
}

func TestDatabaseThatIsLockedAtTheStartIsOpenedLater(t *testing.T) {
	text, directory := longFile(t, 1)
	file := filepath.Join(directory, "squarewatch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := (&configFile{flag: file, process: process{env: os.LookupEnv}}).read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := database.Open(t.Context(), databasePath(cfg), discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	s, err := openState(t.Context(), cfg, discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	if s.store() != nil || !database.IsLocked(s.err()) || !strings.Contains(s.err().Error(), "fuser") {
		t.Errorf("want the lock named, got %v", s.err())
	}
	if second, err := openState(t.Context(), cfg, discardLogger()); err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("want a second owner refused with the process identifier, got %v, %v", second, err)
	}
	_ = other.Close()
	ctx, cancel := context.WithCancel(t.Context())
	recovered := make(chan *opened, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.run(ctx, nil, func(_ context.Context, o *opened) { recovered <- o })
	}()
	<-recovered
	cancel()
	<-ended
	if err := errors.Join(s.err(), s.Close()); err != nil {
		t.Error(err)
	}
}

func TestDaemonRefusesAStateDirThatAnotherProcessOwns(t *testing.T) {
	text, directory := longFile(t, 1)
	file := filepath.Join(directory, "squarewatch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	owner, err := database.Own(t.Context(), directory, discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Name(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	_, err = New(t.Context(), Options{
		Load:   func() (*config.Config, error) { return config.Load(t.Context(), file, config.Options{Kinds: kinds()}) },
		Logger: discardLogger(), Notify: func(string) {},
	})
	if !errors.Is(err, database.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("want a refusal with the process identifier of the owner, got %v", err)
	}
}
