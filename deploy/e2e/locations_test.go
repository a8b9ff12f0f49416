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
			alerts := map[string]string{}
			for at, fire := range fires {
				alerts[at] = "[]"
				if fire {
					over := map[string]string{"19m": "fra 100% iad 85% ", "21m": "fra 100% iad 75% ", "37m": "fra 85% "}[at]
					alerts[at] = firingOfLocations("feed", over)
				}
			}
			evaluateLocations(t, rules, series, alerts)
		})
	}
}

// TestPromtoolAsksNoLocationThatDoesNotRunAProbe has three locations, and a probe that only iad runs. It fails there from 10 minutes on.
func TestPromtoolAsksNoLocationThatDoesNotRunAProbe(t *testing.T) {
	t.Parallel()
	never := func(float64) bool { return false }
	fails := locationSeries("iad", func(m float64) bool { return m >= 10 }, never)
	series := locationSeries("fra", never, never) + locationSeries("sin", never, never) + locationSeries("iad", never, never) +
		strings.ReplaceAll(fails, `probe="feed"`, `probe="intranet"`)
	for _, locations := range []string{"2", "majority", "all"} {
		t.Run(locations, func(t *testing.T) {
			t.Parallel()
			rules := writeRules(t, fmt.Sprintf(rulesConfig, ", {name: intranet, path: /in/, locations: iad}",
				"{name: server-errors, on: [5xx], locations: "+locations+"}"))
			evaluateLocations(t, rules, series, map[string]string{"9m": "[]", "19m": firingOfLocations("intranet", "iad 100% ")})
		})
	}
}

// evaluateLocations lets promtool compare the alerts of each moment with those that are wanted.
func evaluateLocations(t *testing.T, rules, series string, alerts map[string]string) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: %v\ntests:\n  - interval: %v\n    input_series:\n%s    alert_rule_test:\n",
		rules, scraped, scraped, series)
	for at, wanted := range alerts {
		fmt.Fprintf(&text, "      - {alertname: server-errors, eval_time: %s, exp_alerts: %s}\n", at, wanted)
	}
	file := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := promtool(t.Context(), "test", "rules", file); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// firingOfLocations returns the one alert of a probe, with the locations that are over.
func firingOfLocations(probe, over string) string {
	return fmt.Sprintf("[{exp_labels: {probe: %s, per: probe, series: %[1]s, severity: critical, target: api.test}, "+
		"exp_annotations: {summary: 'server-errors %[1]s: over at %d locations', locations: '%s'}}]", probe, strings.Count(over, "%"), over)
}
