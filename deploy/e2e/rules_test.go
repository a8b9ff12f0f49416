//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe"
)

// rulesConfig has rules for one probe, and none of the catalogue.
const rulesConfig = `
target: https://api.test
catalogue: none
defaults: {schedule: "@every 30s"}
probes: [{name: feed, path: /feed/, guards: access, expect: {status: [418]}}%s]
rules: [%s]
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

// TestPromtoolTakesTheRules lets the real tool read the rules of the golden files.
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

// TestPromtoolTakesTheFilesOfTheDocs lets the real tool read the files for Prometheus in docs/prometheus.md.
func TestPromtoolTakesTheFilesOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/prometheus.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```yml\n")[1:]
	if len(blocks) < 3 {
		t.Errorf("want the files of Prometheus, got %d", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		file := filepath.Join(t.TempDir(), "prometheus.yml")
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments := []string{"check", "config", "--syntax-only", file} // the file with the token is not here
		if strings.HasPrefix(block, "groups:") {
			arguments = []string{"check", "rules", "--lint=all", "--lint-fatal", file}
		}
		if out, err := promtool(t.Context(), arguments...); err != nil {
			t.Errorf("%v\n%s\nin:\n%s", err, out, block)
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
	rule  string // of the file, as it is written there; the default server-errors when empty
	alert string // that is looked at; server-errors when empty
	bad   func(at time.Duration, run int) bool
	codes []int                       // of bad runs, in turn; 500 when empty, and 200 is a breach of access
	quiet func(at time.Duration) bool // no run finishes
	// others are further probes, which run when feed does and are always good.
	others int
	death  time.Duration // when the counters start from zero, as after a restart that keeps the engine's state; 0 for never
	slack  time.Duration // how much later or earlier than the engine the rules may be, beside a scrape
	old    bool          // the daemon is old and has had many failures, and Prometheus is new
}

func (s *story) fill() {
	s.rule, s.alert = cmp.Or(s.rule, "{name: server-errors, on: [5xx], clear: 5%}"), cmp.Or(s.alert, "server-errors")
	if len(s.codes) == 0 {
		s.codes = []int{500}
	}
	if s.quiet == nil {
		s.quiet = func(time.Duration) bool { return false }
	}
}

// config returns the configuration file of the story.
func (s *story) config() string {
	var others strings.Builder
	for _, name := range s.names()[1:] {
		fmt.Fprintf(&others, ", {name: %s, path: /%[1]s/}", name)
	}
	return fmt.Sprintf(rulesConfig, others.String(), s.rule)
}

// names returns the probes.
func (s *story) names() []string {
	names := []string{"feed"}
	for i := range s.others {
		names = append(names, fmt.Sprintf("other-%d", i+1))
	}
	return names
}

// engine returns our own engine for the story.
func (s *story) engine(t *testing.T) *alert.Engine {
	t.Helper()
	cfg, err := config.Parse("story.yaml", []byte(s.config()), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := alert.NewEngine(alert.EngineOptions{Rules: cfg.Rules, Probes: cfg.Probes})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// run is the result of one run.
func (s *story) run(at time.Duration, number, failed int) *probe.Result {
	r := &probe.Result{Probe: "feed", End: time.Unix(0, int64(at)), Class: probe.Success, Code: 200, Expected: true}
	if s.bad(at, number) {
		r.Code, r.Expected = s.codes[failed%len(s.codes)], false
		r.Class = probe.ClassOfStatus(r.Code)
		r.Breach = r.Class == probe.Success
	}
	return r
}

// play gives the story to our engine, and writes what Prometheus scrapes meanwhile. It returns the engine's transitions.
func (s *story) play(t *testing.T) (series map[string][]string, changes []alert.Transition) {
	t.Helper()
	engine, up := s.engine(t), ""
	series, counts, next, run, failed := map[string][]string{}, map[string]int{}, ranAt, 0, 0
	if s.old {
		counts[`runs_total{probe="feed",class="success",code="200",expected="true"`] = 2000
		counts[`runs_total{probe="feed",class="server_error",code="500",expected="false"`] = 1000
	}
	for scrape := 0; time.Duration(scrape)*scraped <= ranFor; scrape++ {
		now := time.Duration(scrape) * scraped
		if s.death > 0 && now == s.death {
			clear(counts)
		}
		for ; next <= now; next, run = next+ranEach, run+1 {
			if s.quiet(next) {
				continue
			}
			result := s.run(next, run, failed)
			up = "1"
			if !result.Expected {
				failed++
				up = "0"
			}
			changes = append(changes, engine.Observe(result)...)
			counts[fmt.Sprintf(`runs_total{probe="feed",class="%v",code="%d",expected="%t"`, result.Class, result.Code, result.Expected)]++
			for _, other := range s.names()[1:] {
				good := &probe.Result{Probe: other, End: result.End, Class: probe.Success, Code: 200, Expected: true}
				changes = append(changes, engine.Observe(good)...)
				counts[fmt.Sprintf(`runs_total{probe=%q,class="success",code="200",expected="true"`, other)]++
			}
		}
		changes = append(changes, engine.Advance(time.Unix(0, int64(now)))...)
		for labels := range counts {
			for len(series[labels]) < scrape {
				series[labels] = append(series[labels], "_")
			}
		}
		for labels := range series {
			if n := counts[labels]; n > 0 {
				series[labels] = append(series[labels], strconv.Itoa(n))
			} else if !strings.HasPrefix(labels, "up{") {
				series[labels] = append(series[labels], "stale")
			}
		}
		for _, name := range s.names() {
			labels, value := fmt.Sprintf("up{probe=%q", name), cmp.Or(up, "_")
			if name != "feed" && up != "" {
				value = "1"
			}
			series[labels] = append(series[labels], value)
		}
	}
	changes = slices.DeleteFunc(changes, func(c alert.Transition) bool { return c.Incident.Rule != s.alert })
	return series, changes
}

// unitTest writes a test for promtool: what fires at every scrape, except shortly after each transition of the engine.
func (s *story) unitTest(t *testing.T, rules string) string {
	t.Helper()
	series, changes := s.play(t)
	var text strings.Builder
	fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: %v\ntests:\n  - interval: %v\n    input_series:\n", rules, scraped, scraped)
	for labels, values := range series {
		fmt.Fprintf(&text, "      - {series: 'squarewatch_probe_%s,job=\"squarewatch\",instance=\"a\"}', values: '%s'}\n",
			labels, strings.Join(values, " "))
	}
	text.WriteString("    promql_expr_test:\n")
	firing, changed, checked := 0, -time.Hour, 0
	for now := time.Duration(0); now <= ranFor; now += scraped {
		for len(changes) > 0 && time.Duration(changes[0].At.UnixNano()) <= now {
			changed = time.Duration(changes[0].At.UnixNano())
			if firing = 1; changes[0].Event == alert.EventResolved {
				firing = 0
			}
			t.Logf("the engine says %s at %v, by %d of %d runs", changes[0].Event, changed, changes[0].Incident.Bad, changes[0].Incident.Runs)
			changes = changes[1:]
		}
		soon := len(changes) > 0 && time.Duration(changes[0].At.UnixNano())-now < s.slack
		if soon || now-changed < scraped+s.slack { // the scrape that shows what the engine has seen is due until then
			continue
		}
		checked++
		fmt.Fprintf(&text, "      - {expr: 'count(ALERTS{alertname=\"%s\",alertstate=\"firing\",target=\"api.test\","+
			"instance=\"a\"}) or vector(0)', eval_time: %v, exp_samples: [{labels: '{}', value: %d}]}\n", s.alert, now, firing)
	}
	t.Logf("compared at %d moments", checked)
	return text.String()
}

// stories cover what a rate can do, and every condition.
func stories() []story {
	between := func(from, until int, at time.Duration) bool {
		return at >= time.Duration(from)*time.Minute && at < time.Duration(until)*time.Minute
	}
	share := func(from, until, every int) func(time.Duration, int) bool {
		return func(at time.Duration, run int) bool { return between(from, until, at) && run%every == 0 }
	}
	return []story{
		{name: "20 percent for a time", bad: share(20, 30, 5)},
		{name: "healthy with a failure now and then", codes: []int{500, 502}, bad: share(6, 70, 10)},
		{name: "a fresh series", codes: []int{503}, bad: share(30, 31, 1)},
		{name: "every failure a series of its own", codes: []int{500, 501, 502, 503, 504, 505}, bad: share(30, 33, 1)},
		{name: "between clear and threshold", bad: func(at time.Duration, run int) bool {
			return between(20, 25, at) && run%4 == 0 || between(25, 45, at) && run%9 == 0
		}},
		{name: "a restart amid it", codes: []int{500, 500, 502}, death: 25 * time.Minute, bad: share(20, 30, 3)},
		{name: "an outage", bad: share(10, 40, 1)},
		{name: "a new Prometheus", old: true, bad: share(30, 40, 10)},
		{name: "held for a time", rule: "{name: server-errors, on: [5xx], for: 2m}", bad: share(20, 30, 2)},
		{name: "no longer than it must hold", rule: "{name: server-errors, on: [5xx], for: 10m}", bad: share(20, 24, 2)},
		{name: "a pause amid it", bad: share(20, 60, 2), quiet: func(at time.Duration) bool { return between(30, 38, at) }},
		{name: "of a credential", rule: "{name: denied, on: [401], per: credential}", alert: "denied", codes: []int{401}, bad: share(20, 30, 3)},
		{name: "of all", rule: "{name: any, on: [unexpected, 5xx], per: all}", alert: "any", codes: []int{404, 500}, bad: share(20, 30, 3)},
		{
			name: "one endpoint of ten on a credential", others: 9, rule: "{name: denied, on: [401], per: credential}",
			alert: "denied", codes: []int{401}, bad: share(20, 30, 1),
		},
		{name: "one of ten, now and then", others: 9, rule: "{name: any, on: [5xx], per: all}", alert: "any", bad: share(20, 40, 4)},
		{
			name: "one of ten spends a budget", others: 9,
			rule: "{name: budget, on: [5xx], per: all, objective: 98%, period: 7d, severity: warning}", alert: "budget", bad: share(30, 40, 1),
		},
		{
			name: "with confidence", rule: "{name: sure, on: [5xx], window: 10m, threshold: 20%, clear: 18%, confidence: 90%}", alert: "sure",
			bad: func(at time.Duration, run int) bool {
				return between(15, 25, at) && run%4 == 0 || between(25, 40, at) && run%2 == 0
			},
		},
		{
			name: "an objective", rule: "{name: budget, on: [5xx], objective: 98%, period: 7d, severity: warning}", alert: "budget",
			bad: share(30, 40, 2),
		},
		{
			name: "no data", alert: "no-data", bad: share(0, 0, 1), slack: 30 * time.Second,
			quiet: func(at time.Duration) bool { return between(20, 40, at) },
		},
		{name: "a breach", alert: "access", codes: []int{200}, bad: share(30, 33, 1), slack: 30 * time.Second},
	}
}

// TestRulesFireWhenTheEngineDoes plays stories to our engine and to the real rules of Prometheus.
func TestRulesFireWhenTheEngineDoes(t *testing.T) {
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			s.fill()
			rules := writeRules(t, s.config())
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
