package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed lists which packages of squarewatch each package may import. A package that is not in the list may import none.
func allowed() map[string][]string {
	below := []string{
		"config/secret", "config/setting", "probe", "probe/blame", "probe/catalogue", "probe/database", "probe/dispatch", "probe/history",
		"probe/redact", "alert", "alert/outbox", "alert/alertmanager", "alert/heartbeat", "alert/prometheus", "alert/slack", "otel",
		"otel/collector", "config",
	}
	return map[string][]string{
		"probe":                       {"config/secret", "config/setting", "probe/blame", "probe/redact"},
		"probe/blame":                 {},                // weighs evidence: it must not know HTTP, a probe's settings or a clock
		"probe/redact":                {"config/secret"}, // texts only: it must not know what a probe or a credential is
		"probe/catalogue":             {"config/setting", "probe"},
		"probe/dispatch":              {"config/setting", "probe"}, // when a run starts; probe says how it works and does not know its dispatcher
		"probe/history":               {"config/setting", "probe", "probe/blame", "probe/database"},
		"probe/database/postgres":     {"probe/database"}, // the driver, which only a program that uses PostgreSQL contains
		"probe/database/postgrestest": {"probe/database/postgres"},
		"alert":                       {"config/setting", "probe", "probe/blame"},
		"alert/outbox":                {"alert", "probe/database", "probe/redact"}, // notes are what people typed
		"alert/alertmanager":          {"alert", "alert/outbox", "probe", "probe/blame", "config/secret", "config/setting"},
		"alert/heartbeat":             {"probe", "config/secret", "config/setting"},
		"alert/prometheus":            {"alert", "config/setting", "probe"},
		"alert/slack":                 {"alert", "alert/outbox", "probe", "probe/blame", "config/secret", "config/setting"},
		"alert/alerttest":             {"alert", "probe"}, // for the tests of alert, so it must not know what delivers
		"alert/notifiertest":          {"alert", "alert/outbox", "probe", "probe/blame", "config/secret"},
		"otel": {
			"probe", "probe/blame", "alert", "alert/outbox", "config/secret", "config/setting",
			"otel/collector", "otel/encoded", "otel/metric", "otel/otlperr", "otel/spool", "otel/wake",
		},
		"otel/collector": { // alert/outbox reads Retry-After
			"alert/outbox", "config/secret", "config/setting", "otel/encoded", "otel/otlperr",
		},
		"otel/encoded": {},                                            // bytes of OTLP: what a span says is decided in otel
		"otel/metric":  {},                                            // a store of numbers: what a metric means is decided in otel
		"otel/spool":   {"otel/encoded", "otel/otlperr", "otel/wake"}, // wraps any OTLP client, without settings and recorder
		"otel/otlperr": {},                                            // reads the errors of the SDK
		"otel/wake":    {},                                            // every package may import it
		"config": {
			"config/secret", "config/setting", "probe", "probe/catalogue", "probe/dispatch", "probe/history", "probe/redact",
			"alert", "alert/heartbeat", "alert/outbox", "otel", "otel/collector",
		},
		// It asks and writes. The packages above it decide what is valid.
		"cmd/squarewatch/initialize": {"config/secret"},
		// A document becomes text, and nothing is sent.
		"cmd/squarewatch/openapi": {"config/secret", "probe", "probe/catalogue", "probe/redact"},
		"cmd/squarewatch/statuspage": {
			"config/secret", "config/setting", "probe", "probe/history", "probe/redact", "alert", "alert/outbox", "docs",
		},
		"docs":                    {}, // texts only
		"cmd/squarewatch/compact": {}, // it packs bytes, whatever they say
		"cmd/squarewatch": append(below, "probe/aisquaretest", "alert/slack/slackstub",
			"cmd/squarewatch/compact", "cmd/squarewatch/initialize", "cmd/squarewatch/openapi", "cmd/squarewatch/statuspage"),
	}
}

// forbidden lists which packages a package must not depend on, even through others.
func forbidden() map[string][]string {
	return map[string][]string{
		"probe":           {"go.opentelemetry.io/", "github.com/slack-go/", "squarewatch/alert", "modernc.org/"},
		"probe/history":   {"modernc.org/", "github.com/jackc/"},
		"cmd/squarewatch": {"github.com/jackc/"}, // no key of the file names a PostgreSQL server yet
		// Evaluation is a pure function of results and time: it reads no database and sends nothing.
		"alert": {
			"go.opentelemetry.io/", "github.com/slack-go/", "modernc.org/", "database/sql", "squarewatch/alert/", "squarewatch/probe/database",
		},
		"alert/outbox": {"go.opentelemetry.io/", "github.com/slack-go/", "modernc.org/", "github.com/jackc/"},
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", "squarewatch/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestImportsGoDownOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "squarewatch/")
		for _, imported := range p.Imports {
			ours, found := strings.CutPrefix(imported, "squarewatch/")
			if found && !slices.Contains(allowed()[name], ours) {
				t.Errorf("%s imports %s: data goes down and nothing calls up; let the upper package call, or move the type to its producer", name, ours)
			}
		}
		for _, dep := range p.Deps {
			for _, prefix := range forbidden()[name] {
				if strings.HasPrefix(dep, prefix) {
					t.Errorf("%s depends on %s, perhaps through another package: only the packages above it may", name, dep)
				}
			}
		}
	}
}

// TestTimeZonesAreEmbedded checks that a minimal machine or container knows the zones of schedules: https://pkg.go.dev/time/tzdata.
func TestTimeZonesAreEmbedded(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath == "squarewatch/cmd/squarewatch" && !slices.Contains(p.Imports, "time/tzdata") {
			t.Error("want time/tzdata in the program")
		}
	}
}
