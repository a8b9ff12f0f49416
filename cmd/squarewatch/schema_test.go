package main

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squarewatch/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSchemaIsCurrent(t *testing.T) {
	const path = "../../config/schema.json"
	got, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("config/schema.json is not what the settings say; run make schema (-want +got):\n%s", diff)
	}
}
