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

// start is at the beginning of a bucket of every window in the tests.
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

func codes(parts ...int) []int {
	var list []int
	for i := 0; i < len(parts); i += 2 {
		list = append(list, slices.Repeat(parts[i+1:i+2], parts[i])...)
	}
	return list
}

// feed passes runs of one probe to an engine, one each second from a second on.
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

// short returns a rule that crosses with five bad runs and clears soon.
func short(change func(*alert.Rule)) alert.Rule {
	return rule(func(r *alert.Rule) {
		r.Window, r.Threshold, r.Clear = time.Minute, 0.5, 0.25
		if change != nil {
			change(r)
		}
	})
}

// restarted returns an engine that continues at a second where another one stopped.
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

func want[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
