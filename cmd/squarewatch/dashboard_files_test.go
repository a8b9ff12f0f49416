package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestTheProvisioningOfGrafana runs the install commands of docs/grafana.md with a directory in place of /, and reads the files as
// Grafana does.
func TestTheProvisioningOfGrafana(t *testing.T) {
	page, err := os.ReadFile("../../docs/grafana.md")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, command := range shellCommands(docBlocks(string(page), "sh")[0]) {
		if !strings.HasPrefix(command, "install ") {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "-t /", "-t "+root+"/"))
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	var source struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Type     string `yaml:"type"`
			JSONData struct {
				Exemplars []struct{ Name, URL string } `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	load(t, filepath.Join(root, "etc/grafana/provisioning/datasources/datasource.yaml"), &source)
	// Grafana replaces $$ by $, so that it does not look for a variable of the environment.
	if source.APIVersion != 1 || len(source.Datasources) != 1 || source.Datasources[0].Type != "prometheus" ||
		source.Datasources[0].JSONData.Exemplars[0].Name != "trace_id" ||
		!strings.HasSuffix(source.Datasources[0].JSONData.Exemplars[0].URL, "/trace/$${__value.raw}") {
		t.Errorf("want a Prometheus whose exemplars lead to traces, got %+v", source)
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	load(t, filepath.Join(root, "etc/grafana/provisioning/dashboards/dashboards.yaml"), &dashboards)
	if dashboards.APIVersion != 1 || len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" {
		t.Fatalf("want a provider of files, got %+v", dashboards)
	}
	if _, err := os.Stat(filepath.Join(root, dashboards.Providers[0].Options.Path, "squarewatch.json")); err != nil {
		t.Error(err)
	}
}

func load(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestTheLinksOfTheDashboard checks that each link begins with a variable of the dashboard. The labels in it must be in a query of its
// panel.
func TestTheLinksOfTheDashboard(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/squarewatch.json")
	if err != nil {
		t.Fatal(err)
	}
	type link struct{ URL string }
	var dashboard struct {
		Links  []link
		Panels []struct {
			Title       string
			FieldConfig struct{ Defaults struct{ Links []link } }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`^\$\{(page|jaeger)\}/`)
	for _, l := range dashboard.Links {
		if !known.MatchString(l.URL) {
			t.Errorf("the dashboard: want a link that begins with ${page} or ${jaeger}, got %s", l.URL)
		}
	}
	labels, incidents := regexp.MustCompile(`\$\{__(?:field\.labels|data\.fields)\.(\w+)\}`), 0
	for _, p := range dashboard.Panels {
		for _, l := range p.FieldConfig.Defaults.Links {
			if strings.Contains(l.URL, "/incident?") {
				incidents++
			}
			if !known.MatchString(l.URL) {
				t.Errorf("%s: want a link that begins with ${page} or ${jaeger}, got %s", p.Title, l.URL)
			}
			for _, found := range labels.FindAllStringSubmatch(l.URL, -1) {
				if !slices.ContainsFunc(p.Targets, func(target struct{ Expr string }) bool {
					return strings.Contains(target.Expr, found[1]) || !strings.Contains(target.Expr, " by (")
				}) {
					t.Errorf("%s: a link uses the label %s, which no query of the panel keeps", p.Title, found[1])
				}
			}
		}
	}
	if incidents < 2 {
		t.Errorf("want links from panels to incidents, got %d", incidents)
	}
}
