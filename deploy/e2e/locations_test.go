//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The hosts of the test are in three locations. Each makes one run between two scrapes for 40 minutes.
//
//   - fra fails from 10 to 24 minutes, and from 33 minutes on.
//   - iad fails from 15 to 20 minutes, and is gone from 31 minutes on, with sin.
const locationsRunFor = 40 * time.Minute

// locationSeries returns what Prometheus scrapes of a host.
func locationSeries(location string, fails, gone func(minute float64) bool) string {
	var good, bad strings.Builder
	counts := map[bool]int{}
	for at := time.Duration(0); at < locationsRunFor; at += scraped {
		if gone(at.Minutes()) {
			good.WriteString("stale ")
			bad.WriteString("stale ")
			continue
		}
		counts[fails(at.Minutes())]++
		fmt.Fprintf(&good, "%d ", counts[false])
		fmt.Fprintf(&bad, "%d ", counts[true])
	}
	line := "      - {series: 'squarewatch_probe_runs_total{probe=\"feed\",class=\"%s\",code=\"%s\",expected=\"%s\",job=\"squarewatch\"," +
		"instance=\"%s-1\",squarewatch_location=\"%[4]s\"}', values: '%s'}\n"
	return fmt.Sprintf(line, "success", "200", "true", location, good.String()) +
		fmt.Sprintf(line, "server_error", "500", "false", location, bad.String())
}

// TestPromtoolCountsLocations lets the real rules of Prometheus evaluate three locations, of which one fails, two fail, and two are gone.
func TestPromtoolCountsLocations(t *testing.T) {
	t.Parallel()
	never := func(float64) bool { return false }
	gone := func(minute float64) bool { return minute >= 31 }
	series := locationSeries("fra", func(m float64) bool { return m >= 10 && m < 24 || m >= 33 }, never) +
		locationSeries("iad", func(m float64) bool { return m >= 15 && m < 20 }, gone) + locationSeries("sin", never, gone)
	for locations, fires := range map[string]map[string]bool{ // by minute
		"2":        {"14m": false, "19m": true, "21m": true, "27m": false, "37m": true},
		"majority": {"14m": false, "19m": true, "21m": true, "27m": false, "37m": true},
		"all":      {"14m": false, "19m": false, "21m": false, "27m": false, "37m": true},
		"3":        {"14m": false, "19m": false, "21m": false, "27m": false, "37m": true},
	} {
		t.Run(locations, func(t *testing.T) {
			t.Parallel()
			rules := writeRules(t, fmt.Sprintf(rulesConfig, "", "{name: server-errors, on: [5xx], locations: "+locations+"}"))
			var text strings.Builder
			fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: %v\ntests:\n  - interval: %v\n    input_series:\n%s    alert_rule_test:\n",
				rules, scraped, scraped, series)
			for at, fire := range fires {
				alerts := "[]"
				if fire {
					alerts = firingOfLocations(at)
				}
				fmt.Fprintf(&text, "      - {alertname: server-errors, eval_time: %s, exp_alerts: %s}\n", at, alerts)
			}
			file := filepath.Join(t.TempDir(), "test.yml")
			if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := promtool(t.Context(), "test", "rules", file); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// firingOfLocations returns the one alert of a moment, with the locations that are over.
func firingOfLocations(at string) string {
	over := map[string]string{"19m": "fra 100% iad 85% ", "21m": "fra 100% iad 75% ", "37m": "fra 85% "}[at]
	return fmt.Sprintf("[{exp_labels: {probe: feed, per: probe, series: feed, severity: critical, target: api.test}, "+
		"exp_annotations: {summary: 'server-errors feed: over at %d locations', locations: '%s'}}]", strings.Count(over, "%"), over)
}
