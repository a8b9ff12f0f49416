package main

import (
	"flag"
	"testing"

	"squarewatch/config"
	"squarewatch/config/golden"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSchemaIsCurrent(t *testing.T) {
	got, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "../../config/schema.json", string(got), *update)
}
