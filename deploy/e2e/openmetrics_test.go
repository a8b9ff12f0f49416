//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// parsers are the reference parsers of the two text formats, from Debian's python3-prometheus-client, by the Accept header that asks for
// the format. OpenMetrics names the first as its reference:
// https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md.
func parsers() map[string]string {
	return map[string]string{
		"application/openmetrics-text;version=1.0.0": "prometheus_client.openmetrics.parser",
		"text/plain;version=0.0.4":                   "prometheus_client.parser",
	}
}

// TestMetricsByTheReferenceParser gives /metrics of a daemon that shows every metric to the reference parsers, which refuse what their
// format does not allow.
func TestMetricsByTheReferenceParser(t *testing.T) {
	d := startScraped(t)
	eventually(t, 30*time.Second, "the first runs are counted", func() bool {
		return scrape(t, d.listen, "squarewatch_probe_runs_total", map[string]string{"probe": "feed"}) > 0
	})
	for accept, parser := range parsers() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.listen+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", accept)
		response, err := http.DefaultClient.Do(request) //nolint:forbidigo // nothing of it is shared
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		read := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import sys\n"+
			"from "+parser+" import text_string_to_metric_families as parse\n"+
			"families = list(parse(sys.stdin.read()))\nprint(len(families), 'families', sum(len(f.samples) for f in families), 'samples')\n"+
			"assert any(f.name.startswith('squarewatch_probe_phase_duration') and f.type == 'summary' for f in families)\n")
		read.Stdin = strings.NewReader(string(page))
		said, err := read.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", parser, err, said)
		}
		t.Logf("%s: %s", parser, said)
	}
}
