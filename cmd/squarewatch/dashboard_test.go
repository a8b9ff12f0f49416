package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// TestTheDashboardShowsOurMetrics parses every query of the dashboard. The queries must name only metrics of /metrics, and each metric of
// /metrics must be in a query.
func TestTheDashboardShowsOurMetrics(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/squarewatch.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct {
			List []struct {
				Name  string
				Query any // a text, or an object with the text
			}
		}
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ UID string }
			Targets    []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := append(exposed(t), families(t)...)
	used, ids := map[string]bool{}, map[int]bool{}
	check := func(where, query string) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(strings.NewReplacer("$__rate_interval", "1m").Replace(query))
		if err != nil {
			t.Errorf("%s: %v in %s", where, err, query)
			return
		}
		for _, name := range metricsOf(expr) {
			if !slices.Contains(known, name) {
				t.Errorf("%s: %s is not at /metrics", where, name)
			}
			used[name] = true
		}
	}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the identifier %d is used twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s: want queries of the chosen data source", p.Title)
		}
		for _, target := range p.Targets {
			check(p.Title, target.Expr)
		}
	}
	var variables []string
	asked := 0
	for _, v := range dashboard.Templating.List {
		variables = append(variables, v.Name)
		of, _ := v.Query.(map[string]any)
		text, _ := of["query"].(string)
		if query, ok := strings.CutPrefix(text, "label_values("); ok {
			asked++
			check("$"+v.Name, query[:strings.LastIndex(query, ",")])
		}
	}
	if asked != 2 || !slices.Equal(variables, []string{"datasource", "instance", "probe", "page", "jaeger"}) {
		t.Errorf("want five variables, two from Prometheus, got %v and %d", variables, asked)
	}
	for _, name := range families(t) {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// families returns the names of the metrics at /metrics; those of histograms without the suffix of their series.
func families(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../otel/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(string(page), -1) {
		names = append(names, match[1])
	}
	return names
}
