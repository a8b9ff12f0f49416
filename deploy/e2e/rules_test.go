//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// rulesConfig has the default rules for one probe, and none of the catalogue.
const rulesConfig = `
target: https://api.test
catalogue: none
defaults: {schedule: "@every 30s"}
probes: [{name: feed, path: /feed/}]
state_dir: none
`

// writeRules runs the command on a configuration and returns the file with the rules.
func writeRules(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "squarewatch.yaml"), filepath.Join(dir, "rules.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary(t), "rules", "--config", file, "-o", rules).CombinedOutput(); err != nil {
		t.Fatalf("squarewatch rules: %v\n%s", err, out)
	}
	return rules
}

func promtool(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "promtool", args...).CombinedOutput()
	return string(out), err
}

// TestPromtoolTakesTheRules has the real tool read the rules that the golden files show.
func TestPromtoolTakesTheRules(t *testing.T) {
	files, err := filepath.Glob("../../cmd/squarewatch/testdata/rules/*.golden")
	if err != nil || len(files) < 2 {
		t.Fatalf("want golden files, got %v %v", files, err)
	}
	for _, file := range files {
		if out, err := promtool(t.Context(), "check", "rules", "--lint=all", "--lint-fatal", file); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

const (
	scraped = 15 * time.Second // between two scrapes, and two evaluations
	ranFor  = 70 * time.Minute
	ranAt   = 7 * time.Second // runs lie between scrapes
	ranEach = 30 * time.Second
)

// story is what a probe sees over an hour.
type story struct {
	name  string
	bad   func(at time.Duration, run int) bool
	codes []int         // of bad runs, in turn
	death time.Duration // when the daemon, but not its engine's state, begins anew; 0 for never
}

// play lets our own engine see the story, and writes what Prometheus scrapes meanwhile. It returns what the engine did.
func (s story) play(t *testing.T) (series map[string][]string, changes []alert.Transition) {
	t.Helper()
	engine, err := alert.NewEngine(alert.EngineOptions{
		Rules: alert.DefaultRules(), Probes: []probe.Probe{{Name: "feed", Schedule: probe.MustSchedule("@every 30s"), Timeout: 10 * time.Second}},
	})
	if err != nil {
		t.Fatal(err)
	}
	series, counts, next, run, failed := map[string][]string{}, map[string]int{}, ranAt, 0, 0
	for scrape := 0; time.Duration(scrape)*scraped <= ranFor; scrape++ {
		now := time.Duration(scrape) * scraped
		if s.death > 0 && now == s.death {
			clear(counts)
		}
		for ; next <= now; next, run = next+ranEach, run+1 {
			result := &probe.Result{Probe: "feed", End: time.Unix(0, int64(next)), Class: probe.Success, Code: 200, Expected: true}
			if s.bad(next, run) {
				result.Class, result.Expected, result.Code = probe.ServerError, false, s.codes[failed%len(s.codes)]
				failed++
			}
			changes = append(changes, engine.Observe(result)...)
			counts[fmt.Sprintf(`class="%v",code="%d",expected="%t"`, result.Class, result.Code, result.Expected)]++
		}
		changes = append(changes, engine.Advance(time.Unix(0, int64(now)))...)
		for labels := range counts {
			for len(series[labels]) < scrape {
				series[labels] = append(series[labels], "_")
			}
		}
		for labels := range series {
			value := "stale"
			if n := counts[labels]; n > 0 {
				value = strconv.Itoa(n)
			}
			series[labels] = append(series[labels], value)
		}
	}
	return series, changes
}

// unitTest writes a test for promtool: what fires, at every scrape, but for a moment after each change of the engine's mind.
func (s story) unitTest(t *testing.T, rules string) string {
	t.Helper()
	series, changes := s.play(t)
	var text strings.Builder
	fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: %v\ntests:\n  - interval: %v\n    input_series:\n", rules, scraped, scraped)
	for labels, values := range series {
		fmt.Fprintf(&text, "      - {series: 'squarewatch_probe_runs_total{job=\"squarewatch\",instance=\"a\",probe=\"feed\",%s}', values: '%s'}\n", labels, strings.Join(values, " "))
	}
	text.WriteString("    promql_expr_test:\n")
	firing, changed, checked := 0, -time.Hour, 0
	for now := time.Duration(0); now <= ranFor; now += scraped {
		for len(changes) > 0 && time.Duration(changes[0].At.UnixNano()) <= now {
			changed, firing = time.Duration(changes[0].At.UnixNano()), map[alert.Event]int{alert.EventFiring: 1, alert.EventUpdate: 1}[changes[0].Event]
			t.Logf("%s: the engine says %s at %v", s.name, changes[0].Event, changed)
			changes = changes[1:]
		}
		if now-changed < scraped { // the scrape that shows what the engine has seen is due until then
			continue
		}
		checked++
		fmt.Fprintf(&text, "      - {expr: 'count(ALERTS{alertname=\"server-errors\",alertstate=\"firing\",series=\"feed\",per=\"probe\",target=\"api.test\",instance=\"a\"}) or vector(0)', eval_time: %v, exp_samples: [{labels: '{}', value: %d}]}\n", now, firing)
	}
	t.Logf("%s: compared at %d moments", s.name, checked)
	return text.String()
}

// TestRulesFireWhenTheEngineDoes tells stories to our engine and to the real rules of Prometheus.
func TestRulesFireWhenTheEngineDoes(t *testing.T) {
	rules := writeRules(t, rulesConfig)
	between := func(from, until int, at time.Duration) bool {
		return at >= time.Duration(from)*time.Minute && at < time.Duration(until)*time.Minute
	}
	for _, s := range []story{
		{name: "20 percent for a time", codes: []int{500}, bad: func(at time.Duration, run int) bool { return between(20, 30, at) && run%5 == 0 }},
		{name: "healthy with a failure now and then", codes: []int{500, 502}, bad: func(_ time.Duration, run int) bool { return run > 10 && run%10 == 3 }},
		{name: "a fresh series", codes: []int{503}, bad: func(at time.Duration, _ int) bool { return between(30, 31, at) }},
		{name: "every failure a series of its own", codes: []int{500, 501, 502, 503, 504, 505}, bad: func(at time.Duration, _ int) bool { return between(30, 33, at) }},
		{name: "between clear and threshold", codes: []int{500}, bad: func(at time.Duration, run int) bool {
			return between(20, 25, at) && run%4 == 0 || between(25, 45, at) && run%9 == 0
		}},
		{name: "a restart amid it", codes: []int{500, 500, 502}, death: 25 * time.Minute, bad: func(at time.Duration, run int) bool { return between(20, 30, at) && run%3 == 0 }},
		{name: "an outage", codes: []int{500}, bad: func(at time.Duration, _ int) bool { return between(10, 40, at) }},
	} {
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "test.yml")
			if err := os.WriteFile(file, []byte(s.unitTest(t, rules)), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := promtool(t.Context(), "test", "rules", file); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
