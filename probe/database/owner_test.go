package database_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"squarewatch/probe/database"
)

// TestTheOwnerIsNamedWhenTheDiskWorks has a disk that cannot be written at first. Then the owner must still be named.
func TestTheOwnerIsNamedWhenTheDiskWorks(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "squarewatch.pid")
	if err := os.Mkdir(file, 0o700); err != nil { // a directory cannot be opened for writing
		t.Fatal(err)
	}
	owner, err := database.Own(t.Context(), directory, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	if err := owner.Name(); err == nil {
		t.Error("want an error while the file cannot be written")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := owner.Name(); err != nil {
		t.Error(err)
	}
	_, err = database.Own(t.Context(), directory, slog.New(slog.DiscardHandler))
	if want := "process identifier " + strconv.Itoa(os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("want %q, got %v", want, err)
	}
}
