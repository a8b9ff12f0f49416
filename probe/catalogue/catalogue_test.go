package catalogue_test

import (
	"flag"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"squarewatch/config/golden"
	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/catalogue"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func all(t *testing.T) []probe.Probe {
	t.Helper()
	probes, skipped, err := catalogue.Probes(catalogue.Options{Studio: aisquaretest.DefaultStudio, Credential: "partner"})
	if err != nil || len(skipped) > 0 {
		t.Fatalf("skipped %v, error %v", skipped, err)
	}
	for i := range probes {
		probe.DefaultDefaults().Apply(&probes[i])
	}
	return probes
}

func TestEffectiveProbes(t *testing.T) {
	probes := all(t)
	for _, p := range probes {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	got, err := yaml.Dump(probes)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/effective.yaml", string(got), *update)
}

// TestOnlySafeEndpoints compares the list with the endpoints that create, publish, cost or change something according to the API's
// documentation.
func TestOnlySafeEndpoints(t *testing.T) {
	safe := map[string]bool{
		"GET /o/.well-known/openid-configuration":      true,
		"POST /api/v1/aistudios/permission/":           true,
		"GET /api/v1/collections/":                     true,
		"GET /api/v1/aistudios/experiences/flattened/": true,
		"GET /api/v1/bookings/config/":                 true,
		"POST /api/v1/aistudios/metrics/":              true,
		"POST /api/v1/aistudios/public-impact/":        true,
	}
	for _, p := range all(t) {
		if !safe[p.Method+" "+p.Template()] {
			t.Errorf("%s calls %s %s, which the documentation of the API does not show to be safe", p.Name, p.Method, p.Template())
		}
	}
}

func TestProbesWithoutTheirNeedsAreSkipped(t *testing.T) {
	probes, skipped, err := catalogue.Probes(catalogue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names, left []string
	for _, p := range probes {
		names = append(names, p.Name)
	}
	for _, l := range skipped {
		left = append(left, l.Name)
		if !strings.HasPrefix(l.Reason, "needs a ") {
			t.Errorf("%s: reason %q", l.Name, l.Reason)
		}
	}
	if want := []string{"reach", "permission-unknown", "auth-wall", "feed"}; !cmp.Equal(want, names) {
		t.Errorf("without anything: %s", cmp.Diff(want, names))
	}
	if want := []string{"permission-public", "collections", "bookings-config", "owner-metrics", "public-impact"}; !cmp.Equal(want, left) {
		t.Errorf("skipped: %s", cmp.Diff(want, left))
	}
	if _, _, err := catalogue.Probes(catalogue.Options{Names: []string{"reach", "nonsense"}}); err == nil ||
		!strings.Contains(err.Error(), `"nonsense": it has reach,`) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestAllProbesAreHealthyWithAHealthyAPI(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New(aisquaretest.DefaultKey)})
	if err != nil {
		t.Fatal(err)
	}
	runner := probe.NewRunner(probe.RunnerOptions{Target: target, Credentials: map[string]probe.Credential{"partner": key}})
	defer runner.Close()
	for _, p := range all(t) {
		job, err := runner.Prepare(&p)
		if err != nil {
			t.Fatal(err)
		}
		if r := job.Run(t.Context(), time.Now()); !r.Expected {
			t.Errorf("%s: %s (%s)", p.Name, r.Reason, r.Excerpt)
		}
	}
}
