package alert_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

func ExampleRule() {
	r := alert.Rule{Name: "slow-or-gone", On: sel("transport"), Threshold: 0.5}
	r.Defaults()
	fmt.Println(r.Per, r.Window, r.Threshold, r.Clear, r.MinRuns, r.Severity, r.Repeat, r.Probes)
	fmt.Println(r.Validate())
	// Output:
	// probe 5m0s 50% 25% 5 critical 4h0m0s [*]
	// <nil>
}

func ExampleRule_Validate() {
	r := alert.Rule{Name: "server-errors", On: sel("5xx"), Threshold: 0.2, Clear: 0.3, Severity: "loud"}
	r.Defaults()
	fmt.Println(r.Validate())
	// Output:
	// severity is "loud": write critical, warning or info
	// clear is 30% with a threshold of 20%: write a share above 0% and not above the threshold, or leave it out for half of that
}

func ExampleDefaultRules() {
	for _, r := range alert.DefaultRules() {
		fmt.Println(r.Name, r.On, "per", r.Per, r.Window, r.Threshold, "clear", r.Clear, "min", r.MinRuns)
	}
	// Output:
	// server-errors [5xx] per probe 5m0s 20% clear 5% min 5
	// unauthenticated [401] per credential 5m0s 20% clear 10% min 5
	// unreachable [transport] per all 5m0s 20% clear 5% min 5
}

func TestDefaultsKeepSetFields(t *testing.T) {
	want := alert.Rule{
		Name: "x", On: sel("401"), Probes: []string{"a*"}, Per: alert.PerAll, Window: time.Hour, Threshold: 1, Clear: 0.9, MinRuns: 1,
		For: time.Minute, Streak: 3, Severity: alert.Info, Repeat: -1, Reopen: -1, Notify: []string{"ops"}, Runbook: "r",
	}
	got := want
	got.Defaults()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b probe.Selector) bool { return a == b })); diff != "" {
		t.Errorf("want the fields unchanged (-want +got):\n%s", diff)
	}
}

func TestEveryFaultNamesItsField(t *testing.T) {
	for want, change := range map[string]func(*alert.Rule){
		"name":      func(r *alert.Rule) { r.Name = "Server Errors" },
		"on":        func(r *alert.Rule) { r.On = nil },
		"on[0]":     func(r *alert.Rule) { r.On = make([]probe.Selector, 1) },
		"probes[1]": func(r *alert.Rule) { r.Probes = []string{"a", "[a"} },
		"per":       func(r *alert.Rule) { r.Per = "host" },
		"window":    func(r *alert.Rule) { r.Window = 9 * time.Second },
		"threshold": func(r *alert.Rule) { r.Threshold = setting.Share(math.NaN()) },
		"clear":     func(r *alert.Rule) { r.Clear = 0.21 },
		"min_runs":  func(r *alert.Rule) { r.MinRuns = -1 },
		"for":       func(r *alert.Rule) { r.For = -time.Second },
		"severity":  func(r *alert.Rule) { r.Severity = "page" },
	} {
		r := rule(change)
		fault, ok := errors.AsType[*setting.Invalid](r.Validate())
		if !ok || fault.Field != want || fault.Fix == "" {
			t.Errorf("want a fault of %s with its fix, got %v", want, r.Validate())
		}
	}
	long := rule(func(r *alert.Rule) { r.Window = 31 * 24 * time.Hour })
	builtin := rule(func(r *alert.Rule) { r.Name = alert.AccessRule })
	if long.Validate() == nil || builtin.Validate() == nil {
		t.Error("want a window over 30 days and the name of a built-in rule refused")
	}
}
