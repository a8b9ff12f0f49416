// Package alerttest holds what the tests of package alert and of the packages above it share: rules, runs at whole seconds, and engines.
package alerttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// Start returns a time at which a bucket begins, for every window length that the tests use.
func Start() time.Time { return time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC) }

// Second returns the time n seconds after Start.
func Second(n int) time.Time { return Start().Add(time.Duration(n) * time.Second) }

// Result returns a run that ended at a time with a status code.
func Result(name string, at time.Time, code int) *probe.Result {
	class := probe.ClassOfStatus(code)
	r := &probe.Result{Probe: name, End: at, Class: class, Code: code, Expected: class == probe.Success}
	if !r.Expected {
		r.Reason = fmt.Sprintf("expected 2xx, got %d", code)
	}
	return r
}

// Probes returns probes. Each has a label with the key "of" and its name as the value.
func Probes(names ...string) []probe.Probe {
	var list []probe.Probe
	for _, name := range names {
		list = append(list, probe.Probe{Name: name, Labels: map[string]string{"of": name}})
	}
	return list
}

// Engine returns a new engine.
func Engine(tb testing.TB, options alert.EngineOptions) *alert.Engine {
	tb.Helper()
	e, err := alert.NewEngine(options)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Codes expands pairs of a count and a status code: Codes(2, 200, 1, 500) is 200, 200, 500.
func Codes(parts ...int) []int {
	var list []int
	for i := 0; i < len(parts); i += 2 {
		list = append(list, slices.Repeat(parts[i+1:i+2], parts[i])...)
	}
	return list
}

// Feed passes runs of one probe to an engine: one run per second, starting at second from.
func Feed(e *alert.Engine, name string, from int, codes ...int) []alert.Transition {
	var all []alert.Transition
	for i, code := range codes {
		all = append(all, e.Observe(Result(name, Second(from+i), code))...)
	}
	return all
}

// Selectors parses selectors.
func Selectors(texts ...string) []probe.Selector {
	var list []probe.Selector
	for _, text := range texts {
		list = append(list, probe.MustSelector(text))
	}
	return list
}

// Rule returns a rule for server errors. It applies change, if that is not nil, and then the defaults.
func Rule(change func(*alert.Rule)) alert.Rule {
	r := alert.Rule{Name: "server-errors", On: Selectors("5xx")}
	if change != nil {
		change(&r)
	}
	r.Defaults()
	return r
}

// Short returns a rule as Rule does, with a window of 1 minute, threshold 50% and clear 25%.
func Short(change func(*alert.Rule)) alert.Rule {
	return Rule(func(r *alert.Rule) {
		r.Window, r.Threshold, r.Clear = time.Minute, 0.5, 0.25
		if change != nil {
			change(r)
		}
	})
}

// Restarted returns an engine as after a restart: it restores the states, recalls the runs, and resumes at second at.
func Restarted(t *testing.T, options alert.EngineOptions, states []alert.SeriesState, recalled []*probe.Result, at int) *alert.Engine {
	t.Helper()
	e := Engine(t, options)
	e.Restore(states)
	for _, r := range recalled {
		e.Recall(r)
	}
	e.Resume(Second(at))
	return e
}
