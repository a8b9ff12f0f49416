package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v4"

	"squarewatch/config/golden"
)

// TestPrometheusRules compares the written rules of each file with its golden file.
func TestPrometheusRules(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("want the smallest file and one with everything, got %v and %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			golden.Check(t, strings.TrimSuffix(file, ".yaml")+".golden", writtenRules(t, file), *update)
		})
	}
}

// writtenRules returns what the command rules writes.
func writtenRules(t *testing.T, file string) string {
	t.Helper()
	var out, complaint strings.Builder
	status := run(t.Context(), process{
		args: []string{"rules", "--format", "prometheus", "--config", file}, stdout: &out, stderr: &complaint,
		env: func(name string) (string, bool) {
			return map[string]string{"KEY": "secret-key", "HOOK": "https://hooks.example.org/secret"}[name], true
		},
	})
	if status != exitOK {
		t.Fatalf("status %d: %s", status, &complaint)
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("a secret is in the rules")
	}
	return out.String()
}

// TestRulesCanBeReadByPrometheus parses every expression, and checks that it reads only recorded series and metrics of /metrics.
func TestRulesCanBeReadByPrometheus(t *testing.T) {
	known := append(exposed(t), "ALERTS")
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr, For string }
		}
	}
	if err := yaml.Load([]byte(writtenRules(t, "testdata/rules/everything.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	alerts := map[string]int{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				t.Errorf("%s%s: %v in\n%s", r.Record, r.Alert, err, r.Expr)
				continue
			}
			for _, name := range metricsOf(expr) {
				if !slices.Contains(known, name) {
					t.Errorf("%s%s reads %s, which is neither a recorded series nor a metric", r.Record, r.Alert, name)
				}
			}
			known = append(known, r.Record)
			alerts[r.Alert]++
		}
	}
	for name, want := range map[string]int{
		"server-errors": 1, "unauthenticated": 1, "anything": 1, "sure": 3, "budget": 2, "weekly": 1,
		"rare": 0, "access": 2, "no-data": 4,
	} {
		if alerts[name] != want {
			t.Errorf("want %d alerts %s, got %d", want, name, alerts[name])
		}
	}
}

// metricsOf returns the names of the metrics that an expression reads.
func metricsOf(expr parser.Expr) []string {
	var names []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names
}

// exposed returns the names of the series at /metrics.
func exposed(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../otel/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^([a-z_]+)(\{| )`).FindAllStringSubmatch(string(page), -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
