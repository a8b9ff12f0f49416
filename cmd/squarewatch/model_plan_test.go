package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A history of the model is a first configuration and steps. Both are drawn from a seed. A step depends on no other step, so any step can
// be left out.

// modelProbe is a probe of a drawn configuration.
type modelProbe struct {
	name, path string
	every      int // seconds
	keyed      bool
}

// modelRule is a rule of a drawn configuration.
type modelRule struct {
	name, on, per    string
	probes           []string // empty for all
	window, hold     int      // seconds; hold is the value of the key `for`
	threshold, clear int      // percent
	minRuns, reopen  int      // reopen in seconds; -1 for never
	severity         string
	notify           []string // empty for all
}

// modelNotifier is a notifier of a drawn configuration. It delivers to its place.
type modelNotifier struct {
	name, place string
	wait        int // seconds of group_wait
}

// modelFile is a drawn configuration.
type modelFile struct {
	probes    []modelProbe
	rules     []modelRule
	notifiers []modelNotifier
}

// text returns the configuration file.
func (f *modelFile) text(stateDir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "target: http://127.0.0.1:1\nstate_dir: %s\ncatalogue: none\n", stateDir)
	b.WriteString("credentials: {key: {api_key: aisq-model-key}}\ndefaults: {timeout: 8s}\nprobes:\n")
	for _, p := range f.probes {
		credential := "none"
		if p.keyed {
			credential = "key"
		}
		fmt.Fprintf(&b, "  - {name: %s, path: %s, schedule: \"@every %ds\", credential: %s}\n", p.name, p.path, p.every, credential)
	}
	b.WriteString("rules:\n")
	for _, r := range f.rules {
		fmt.Fprintf(&b, "  - {name: %s, on: [%s], per: %s, window: %ds, for: %ds, threshold: %d%%, clear: %d%%, min_runs: %d, reopen: %ds, "+
			"severity: %s", r.name, r.on, r.per, r.window, r.hold, r.threshold, r.clear, r.minRuns, r.reopen, r.severity)
		for key, names := range map[string][]string{"probes": r.probes, "notify": r.notify} {
			if len(names) > 0 {
				fmt.Fprintf(&b, ", %s: [%s]", key, strings.Join(names, ", "))
			}
		}
		b.WriteString("}\n")
	}
	b.WriteString("notifiers:\n")
	for _, n := range f.notifiers {
		fmt.Fprintf(&b, "  %s: {slack: {webhook_url: \"https://hooks.example.org/%s\"}, group_wait: %ds}\n", n.name, n.place, n.wait)
	}
	return b.String()
}

// modelStep is an event of a history, with its time and how long it lasts.
type modelStep struct {
	kind      string
	at, lasts time.Duration
	path      string    // trouble: the path of the target
	outcome   string    // trouble: what the path answers; refusal: what the place answers
	place     string    // refusal
	silence   string    // silence: its scope as JSON
	file      modelFile // reload: the new configuration
}

// String describes a step for a failure.
func (s *modelStep) String() string {
	text := fmt.Sprintf("%v %s", s.at, s.kind)
	switch s.kind {
	case "trouble":
		return fmt.Sprintf("%s of %s: %s for %v", text, s.path, s.outcome, s.lasts)
	case "refusal":
		return fmt.Sprintf("%s of %s: %s for %v", text, s.place, s.outcome, s.lasts)
	case "silence":
		return fmt.Sprintf("%s of {%s} for %v", text, s.silence, s.lasts)
	case "reload":
		return text + " of\n" + s.file.text("none")
	}
	return fmt.Sprintf("%s for %v", text, s.lasts)
}

// modelPlan is a history.
type modelPlan struct {
	first modelFile
	steps []modelStep
}

const (
	modelTroubles = 6 * time.Minute // the time in which steps happen
	modelCalm     = 8 * time.Minute // the time after the last step, in which incidents end and waiting messages are delivered
)

// modelDraw draws histories.
type modelDraw struct{ *rand.Rand }

func pick[T any](d modelDraw, from ...T) T { return from[d.IntN(len(from))] }

// drawModelPlan returns the history of a seed.
func drawModelPlan(seed uint64) modelPlan {
	d := modelDraw{rand.New(rand.NewPCG(seed, 18))}
	var f modelFile
	for range 1 + d.IntN(5) {
		f.probes = append(f.probes, d.probe(&f))
	}
	for range 1 + d.IntN(3) {
		f.notifiers = append(f.notifiers, d.notifier(&f))
	}
	for range 1 + d.IntN(3) {
		f.rules = append(f.rules, d.rule(&f))
	}
	plan := modelPlan{first: f}
	for range 8 + d.IntN(10) {
		plan.steps = append(plan.steps, d.step(&f))
	}
	slices.SortFunc(plan.steps, func(a, b modelStep) int { return int(a.at - b.at) })
	file := plan.first // each reload changes the file of the reload before
	for i := range plan.steps {
		if plan.steps[i].kind == "reload" {
			file = d.change(file)
			plan.steps[i].file = file
		}
	}
	return plan
}

// unused returns a name that is not taken.
func (d modelDraw) unused(prefix string, taken func(string) bool) string {
	for {
		if name := fmt.Sprint(prefix, d.IntN(40)); !taken(name) {
			return name
		}
	}
}

func (d modelDraw) probe(f *modelFile) modelProbe {
	name := d.unused("p", func(n string) bool {
		return slices.ContainsFunc(f.probes, func(p modelProbe) bool { return p.name == n })
	})
	return modelProbe{name: name, path: d.path(), every: pick(d, 5, 10, 10), keyed: d.IntN(2) == 0}
}

func (d modelDraw) path() string { return fmt.Sprintf("/part/%d/", d.IntN(5)) }

func (d modelDraw) place() string { return pick(d, "north", "south", "east", "west") }

// notifier draws a notifier of a place that no other notifier has.
func (d modelDraw) notifier(f *modelFile) modelNotifier {
	has := func(match func(n modelNotifier) bool) bool { return slices.ContainsFunc(f.notifiers, match) }
	n := modelNotifier{wait: pick(d, 0, 0, 5)}
	n.name = d.unused("n", func(name string) bool { return has(func(n modelNotifier) bool { return n.name == name }) })
	for n.place = d.place(); has(func(o modelNotifier) bool { return o.place == n.place }); {
		n.place = d.place()
	}
	return n
}

// rule draws a rule whose min_runs each probe reaches within the window: a probe runs at least six times a minute.
func (d modelDraw) rule(f *modelFile) modelRule {
	r := modelRule{
		on: pick(d, "5xx", "5xx", "401", "transport", "unexpected"), per: pick(d, "probe", "probe", "probe", "credential", "all"),
		window: pick(d, 30, 60, 120), hold: pick(d, 0, 0, 0, 10, 25), threshold: pick(d, 20, 50, 80), reopen: pick(d, -1, 45, 120),
		severity: pick(d, "critical", "warning", "info"),
	}
	r.clear = r.threshold / pick(d, 1, 2, 4)
	r.minRuns = 1 + d.IntN(r.window/10-1)
	r.name = d.unused("r", func(n string) bool {
		return slices.ContainsFunc(f.rules, func(r modelRule) bool { return r.name == n })
	})
	if d.IntN(3) == 0 {
		r.probes = []string{pick(d, f.probes...).name}
	}
	if d.IntN(3) == 0 {
		r.notify = []string{pick(d, f.notifiers...).name}
	}
	return r
}

// step draws a step. A step never happens at the same instant as a run.
func (d modelDraw) step(f *modelFile) modelStep {
	seconds := func(least, most int) time.Duration { return time.Duration(least+d.IntN(most-least)) * time.Second }
	s := modelStep{at: seconds(5, int(modelTroubles/time.Second)) + 10*time.Microsecond}
	s.kind = pick(d, "trouble", "trouble", "trouble", "trouble", "trouble", "refusal", "refusal", "refusal", "silence", "reload", "reload",
		"restart", "kill", "acknowledge")
	switch s.kind {
	case "trouble":
		s.path, s.outcome, s.lasts = d.path(), pick(d, "500", "500", "401", "hang", "half"), seconds(15, 150)
	case "refusal":
		s.place, s.outcome, s.lasts = pick(d, f.notifiers...).place, pick(d, "429", "500", "refused"), seconds(10, 100)
	case "silence":
		s.lasts = seconds(20, 120)
		s.silence = pick(d, `"all": true`, fmt.Sprintf(`"probes": [%q]`, pick(d, f.probes...).name),
			fmt.Sprintf(`"rules": [%q]`, pick(d, f.rules...).name))
	case "restart", "kill":
		s.lasts = pick(d, 0, seconds(1, 40))
	}
	return s
}
