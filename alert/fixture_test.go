package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

// start returns a time at which a bucket begins, for every window length that the tests use.
func start() time.Time { return time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC) }

func sec(n int) time.Time { return start().Add(time.Duration(n) * time.Second) }

func result(name string, at time.Time, code int) *probe.Result {
	class := probe.ClassOfStatus(code)
	r := &probe.Result{Probe: name, End: at, Class: class, Code: code, Expected: class == probe.Success}
	if !r.Expected {
		r.Reason = fmt.Sprintf("expected 2xx, got %d", code)
	}
	return r
}

func probes(names ...string) []probe.Probe {
	var list []probe.Probe
	for _, name := range names {
		list = append(list, probe.Probe{Name: name, Labels: map[string]string{"of": name}})
	}
	return list
}

func engine(tb testing.TB, options alert.EngineOptions) *alert.Engine {
	tb.Helper()
	e, err := alert.NewEngine(options)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// codes expands pairs of a count and a status code.
func codes(parts ...int) []int {
	var list []int
	for i := 0; i < len(parts); i += 2 {
		list = append(list, slices.Repeat(parts[i+1:i+2], parts[i])...)
	}
	return list
}

// feed passes runs of one probe to an engine: one run per second, starting at second from.
func feed(e *alert.Engine, name string, from int, codes ...int) []alert.Transition {
	var all []alert.Transition
	for i, code := range codes {
		all = append(all, e.Observe(result(name, sec(from+i), code))...)
	}
	return all
}

func sel(texts ...string) []probe.Selector {
	var list []probe.Selector
	for _, text := range texts {
		list = append(list, probe.MustSelector(text))
	}
	return list
}

func rule(change func(*alert.Rule)) alert.Rule {
	r := alert.Rule{Name: "server-errors", On: sel("5xx")}
	if change != nil {
		change(&r)
	}
	r.Defaults()
	return r
}

// short returns a rule with a window of 1 minute, threshold 50% and clear 25%.
func short(change func(*alert.Rule)) alert.Rule {
	return rule(func(r *alert.Rule) {
		r.Window, r.Threshold, r.Clear = time.Minute, 0.5, 0.25
		if change != nil {
			change(r)
		}
	})
}

// restarted returns an engine that restores the states and resumes at second at.
func restarted(t *testing.T, options alert.EngineOptions, states []alert.SeriesState, recalled []*probe.Result, at int) *alert.Engine {
	t.Helper()
	e := engine(t, options)
	e.Restore(states)
	for _, r := range recalled {
		e.Recall(r)
	}
	e.Resume(sec(at))
	return e
}

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func want[T any](t *testing.T, expected, got T) {
	t.Helper()
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
