package probe_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
)

// TestAnExpressionIsBounded evaluates one that would take all memory, and one that would never end.
func TestAnExpressionIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[1,2,3]`)) }))
	defer server.Close()
	for expression, want := range map[string]string{
		`[range(100000000) | [., "x"]] | length > 0`: "the evaluation took more than",
		`last(repeat(1))`: "the evaluation took more than 1 s",
		`length == 3`:     "",
	} {
		j := job(t, server.URL, probe.Probe{Path: "/", Timeout: 8 * time.Second, Expect: probe.Expect{JSON: expression}}, probe.RunnerOptions{})
		r := j.Run(t.Context(), time.Now())
		if want == "" != r.Expected || !strings.Contains(r.Reason, want) {
			t.Errorf("%s: want %q, got %q", expression, want, r.Reason)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	t.Logf("%d MiB from the system", stats.Sys>>20)
	if stats.Sys > 1<<30 {
		t.Errorf("want the memory bounded, got %d MiB", stats.Sys>>20)
	}
}
