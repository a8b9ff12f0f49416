package database_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"squarewatch/probe/database"

	_ "modernc.org/sqlite" // the driver; the program imports it in cmd
)

func tables() fstest.MapFS {
	return fstest.MapFS{"00001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x INTEGER);\n")}}
}

func TestOpenCreatesFilesForThisUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "state", "x.db")
	db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for range 2 { // the second time nothing changes
		if err := database.Migrate(t.Context(), db, tables(), "a_version"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO a VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("want a file with mode 0600, got %v, %v", info.Mode(), err)
	}
	if _, err := database.OpenReadOnly(t.Context(), path); !database.IsLocked(err) {
		t.Errorf("want the file locked while it is open, got %v", err)
	}
	if _, err := os.Stat(path + "-shm"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want no memory-mapped index of the WAL, got %v", err)
	}
	_ = db.Close()
	reader, err := database.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil || n != 1 {
		t.Errorf("want a reader to see the row, got %d, %v", n, err)
	}
	if _, err := reader.ExecContext(t.Context(), "INSERT INTO a VALUES (2)"); err == nil {
		t.Error("want the reader unable to write")
	}
}

func TestReadOnlyLeavesNoFiles(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "x.db")
	db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := database.Migrate(t.Context(), db, tables(), "a_version"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // like a daemon that has stopped
		t.Fatal(err)
	}
	reader, err := database.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	if files, _ := filepath.Glob(filepath.Join(directory, "*")); len(files) != 1 {
		t.Errorf("want only the database, got %v", files)
	}
}

func TestDamagedFileIsRenamed(t *testing.T) {
	for name, damage := range map[string]func(whole []byte) []byte{
		"garbage":   func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"overwrite": func(whole []byte) []byte { copy(whole[4096:], bytes.Repeat([]byte{0xaa}, 4096)); return whole },
		"cut":       func(whole []byte) []byte { return whole[:len(whole)-4096] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := database.Migrate(t.Context(), db, tables(), "a_version"); err != nil {
				t.Fatal(err)
			}
			_ = db.Close()
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			db, err = database.Open(t.Context(), path, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if err := database.Migrate(t.Context(), db, tables(), "a_version"); err != nil {
				t.Errorf("want a new database to work, got %v", err)
			}
			kept, _ := filepath.Glob(path + ".damaged-*Z")
			if len(kept) != 1 || !strings.Contains(log.String(), kept[0]) {
				t.Errorf("want the file renamed and the log to say where, got %v and %s", kept, log.String())
			}
		})
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	newer := tables()
	newer["00002_second.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE b (x INTEGER);\n")}
	if err := database.Migrate(t.Context(), db, newer, "a_version"); err != nil {
		t.Fatal(err)
	}
	err = database.Migrate(t.Context(), db, tables(), "a_version")
	if err == nil || !strings.Contains(err.Error(), "newer squarewatch") {
		t.Errorf("want an error that says so, got %v", err)
	}
}

func TestUnusableDirectoryNamesStateDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := database.Open(t.Context(), filepath.Join(file, "x.db"), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "state_dir") {
		t.Errorf("want an error that names state_dir, got %v", err)
	}
	if _, err := database.OpenReadOnly(t.Context(), filepath.Join(t.TempDir(), "nothing.db")); err == nil {
		t.Error("want an error for a missing file")
	}
}
