package otel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// registered is an attribute of the semantic conventions.
type registered struct{ kind, stability string }

// registeredAttributes reads the registry as the semconv package publishes it, in the comments of its keys.
func registeredAttributes(t *testing.T) map[attribute.Key]registered {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.opentelemetry.io/otel/semconv/v1.43.0").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "attribute_group.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	kind, stability := regexp.MustCompile(`(?m)^Type: (\S+)$`), regexp.MustCompile(`(?m)^Stability: (.+)$`)
	all := map[attribute.Key]registered{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Doc == nil || len(spec.Values) != 1 {
			return true
		}
		call, ok := spec.Values[0].(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		name, ok := call.Args[0].(*ast.BasicLit)
		text := spec.Doc.Text()
		k, s := kind.FindStringSubmatch(text), stability.FindStringSubmatch(text)
		if ok && k != nil && s != nil {
			all[attribute.Key(strings.Trim(name.Value, `"`))] = registered{k[1], s[1]}
		}
		return true
	})
	if len(all) < 500 {
		t.Fatalf("want the whole registry, got %d attributes", len(all))
	}
	return all
}

// notYetStable are attributes that the design asks for all the same.
var notYetStable = map[attribute.Key]bool{"user_agent.synthetic.type": true}

// checkAttribute accepts our own names, and of others those that are registered, with their type.
func checkAttribute(t *testing.T, all map[attribute.Key]registered, where string, a attribute.KeyValue) {
	t.Helper()
	if strings.HasPrefix(string(a.Key), "squarewatch.") {
		return
	}
	r, found := all[a.Key]
	if !found {
		t.Errorf("%s: %s is no attribute of the semantic conventions", where, a.Key)
		return
	}
	want := map[string]attribute.Type{
		"string": attribute.STRING, "Enum": attribute.STRING, "int": attribute.INT64, "double": attribute.FLOAT64, "boolean": attribute.BOOL,
	}[r.kind]
	if got := a.Value.Type(); want != got {
		t.Errorf("%s: want %s of type %s, got %s", where, a.Key, r.kind, got)
	}
	if r.stability != "Stable" && !notYetStable[a.Key] {
		t.Errorf("%s: %s is not stable yet but %s", where, a.Key, r.stability)
	}
}

func TestSpansFollowTheSemanticConventions(t *testing.T) {
	all := registeredAttributes(t)
	recorder, exporter, _ := newRecorder(t)
	feed(recorder)
	for _, s := range exporter.GetSpans() {
		for _, a := range s.Attributes {
			checkAttribute(t, all, s.Name, a)
		}
	}
}

// TestMetricsFollowTheSemanticConventions leaves the short attributes of our own metrics alone: they are no names of others.
func TestMetricsFollowTheSemanticConventions(t *testing.T) {
	all := registeredAttributes(t)
	recorder, _, reader := newRecorder(t)
	feed(recorder)
	var read metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &read); err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, scope := range read.ScopeMetrics {
		for _, m := range scope.Metrics {
			if strings.HasPrefix(m.Name, "squarewatch.") {
				continue
			}
			request := httpconv.ClientRequestDuration{}
			data, ok := m.Data.(metricdata.ExponentialHistogram[float64])
			if m.Name != request.Name() || m.Unit != request.Unit() || m.Description != request.Description() || !ok {
				t.Errorf("want no metric of others but %s as registered, got %s", request.Name(), m.Name)
			}
			for _, p := range data.DataPoints {
				seen = true
				for _, a := range p.Attributes.ToSlice() {
					checkAttribute(t, all, m.Name, a)
				}
			}
		}
	}
	if !seen {
		t.Error("want http.client.request.duration, got none")
	}
}
