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

// registeredAttribute is an attribute of the semantic conventions.
type registeredAttribute struct{ kind, stability string }

// registeredAttributes reads the attribute registry from the comments of the semconv package.
func registeredAttributes(t *testing.T) map[attribute.Key]registeredAttribute {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.opentelemetry.io/otel/semconv/v1.43.0").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "attribute_group.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	kind, stability := regexp.MustCompile(`(?m)^Type: (\S+)$`), regexp.MustCompile(`(?m)^Stability: (.+)$`)
	all := map[attribute.Key]registeredAttribute{}
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
			all[attribute.Key(strings.Trim(name.Value, `"`))] = registeredAttribute{kind: k[1], stability: s[1]}
		}
		return true
	})
	if len(all) < 500 {
		t.Fatalf("want the whole registry, got %d attributes", len(all))
	}
	return all
}

// notYetStable are attributes that we use although they are not stable.
var notYetStable = map[attribute.Key]bool{"user_agent.synthetic.type": true}

// checkAttribute accepts our own attributes. Others must be registered, stable and of the registered type.
func checkAttribute(t *testing.T, all map[attribute.Key]registeredAttribute, where string, a attribute.KeyValue) {
	t.Helper()
	if strings.HasPrefix(string(a.Key), "squarewatch.") {
		return
	}
	r, found := all[a.Key]
	if !found {
		t.Errorf("%s: %s is not an attribute of the semantic conventions", where, a.Key)
		return
	}
	want := map[string]attribute.Type{
		"string": attribute.STRING, "Enum": attribute.STRING, "int": attribute.INT64, "double": attribute.FLOAT64, "boolean": attribute.BOOL,
	}[r.kind]
	if got := a.Value.Type(); want != got {
		t.Errorf("%s: want %s of type %s, got %s", where, a.Key, r.kind, got)
	}
	if r.stability != "Stable" && !notYetStable[a.Key] {
		t.Errorf("%s: want a stable attribute, got %s, which is %s", where, a.Key, r.stability)
	}
}

func TestSpansFollowTheSemanticConventions(t *testing.T) {
	all := registeredAttributes(t)
	recorder, exporter, _ := newRecorder(t)
	recordAll(recorder)
	for _, s := range exporter.GetSpans() {
		for _, a := range s.Attributes {
			checkAttribute(t, all, s.Name, a)
		}
	}
}

// TestMetricsFollowTheSemanticConventions does not check our own metrics, whose attributes are short names of our own.
func TestMetricsFollowTheSemanticConventions(t *testing.T) {
	all := registeredAttributes(t)
	recorder, _, reader := newRecorder(t)
	recordAll(recorder)
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
				t.Errorf("want %s as registered as the only metric that is not ours, got %s", request.Name(), m.Name)
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
