package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheUnitsKnowTheExitStatus compares the units with the status of a start with a wrong file, which systemd must not repeat.
func TestTheUnitsKnowTheExitStatus(t *testing.T) {
	units, err := filepath.Glob("../../deploy/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("want two units, got %v, %v", units, err)
	}
	for _, path := range units {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("\nRestartPreventExitStatus=%d\n", exitConfig); !strings.Contains(string(text), want) {
			t.Errorf("%s: want %q", path, want)
		}
	}
}
