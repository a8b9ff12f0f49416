package history_test

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"

	"github.com/google/go-cmp/cmp"
)

// detailed returns a run with one usual attempt and a random trace.
func detailed(name string, at time.Time, code int) *probe.Result {
	r := run(name, at.Truncate(time.Microsecond), code)
	_, _ = rand.Read(r.Trace[:])
	r.Start, r.Intended = r.End.Add(-time.Second), r.End.Add(-2*time.Second)
	a := probe.Attempt{
		Cause: probe.CauseFirst, Method: "GET", URL: "https://api.aisquare.studio/api/v1/collections/?page_size=***", Start: r.Start,
		Class: r.Class, Code: code, Protocol: "2", Peer: "203.0.113.7:443", Size: 4711, CertificateExpiry: r.Start.Truncate(time.Second),
	}
	next := r.Start
	for i, kind := range probe.PhaseKinds() {
		phase := probe.Phase{Kind: kind, Start: next, End: next.Add(time.Duration(i+1) * 7 * time.Millisecond)}
		a.Phases, next = append(a.Phases, phase), phase.End
	}
	a.End = next
	r.Attempts = []probe.Attempt{a}
	return r
}

func TestDetailsAreReadAsWritten(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	end := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	r := detailed("a", end, 401)
	r.CredentialIssued = end.Add(-3 * time.Hour)
	second := r.Attempts[0]
	second.Cause, second.Start, second.End, second.Phases = probe.CauseResend, end.Add(-time.Millisecond), end, nil
	second.Class, second.Code, second.Error, second.ErrorKind, second.Reused = probe.Timeout, 0, "no answer", "timeout", true
	r.Attempts = append(r.Attempts, second)
	r.Looks = []probe.Look{
		{Kind: probe.LookWithoutCredential, Start: end.Add(-2 * time.Millisecond), End: end, Passed: true, Text: "answers 200"},
	}
	written(b.Store, r)
	got, err := b.Store.Run(t.Context(), r.Trace)
	if diff := cmp.Diff(r, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if _, err := b.Store.Run(t.Context(), probe.TraceID{7}); !errors.Is(err, history.ErrNoRun) {
		t.Errorf("want ErrNoRun for an unknown trace, got %v", err)
	}
}

func TestSample(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	// Every minute a run: first of its ten minutes, healthy, last before the bad ones, bad, bad, healthy, ..., first of the next ten.
	codes := []int{200, 200, 200, 500, 500, 200, 200, 200, 200, 200, 200, 200}
	want := []bool{true, false, true, true, true, false, false, false, false, false, true, false}
	var results []*probe.Result
	for i, code := range codes {
		results = append(results, detailed("a", begin.Add(time.Duration(i)*time.Minute), code))
	}
	withoutTrace := detailed("b", begin, 500)
	withoutTrace.Trace = probe.TraceID{}
	w := history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention()})
	writtenBy(w, results[:3]...) // the last healthy run is in an earlier batch than the first bad one
	writtenBy(w, append(results[3:], withoutTrace)...)

	records, err := b.RunsOf(t.Context(), "a", begin.Add(-time.Second), begin.Add(time.Hour), 100)
	if err != nil || len(records) != len(codes) {
		t.Fatalf("want %d runs, got %d, %v", len(codes), len(records), err)
	}
	for i, record := range records {
		if record.Detailed != want[i] || record.Code != codes[i] || record.Latency != 147*time.Millisecond || record.Attempts != 1 {
			t.Errorf("run %d: want detailed %v and code %d, got %+v", i, want[i], codes[i], record)
		}
	}
	if newest, err := b.RunsOf(t.Context(), "a", begin, begin.Add(time.Hour), 2); err != nil || len(newest) != 2 ||
		newest[1].Trace != results[11].Trace {
		t.Errorf("want the newest two in order, got %v, %v", newest, err)
	}
}

func TestFirstBadRunBesideTheLastGoodOne(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	var results []*probe.Result
	for i, code := range []int{200, 200, 500, 200, 503, 500} {
		results = append(results, detailed("a", begin.Add(time.Duration(i)*time.Second), code))
	}
	written(b.Store, results...)
	bad, good, err := b.FirstBad(t.Context(), "a", begin, begin.Add(time.Hour))
	if err != nil || bad == nil || good == nil || bad.Trace != results[2].Trace || good.Trace != results[1].Trace || len(good.Attempts) != 1 {
		t.Errorf("want the second and the third run with their attempts, got %v and %v, %v", good, bad, err)
	}
	bad, good, err = b.FirstBad(t.Context(), "a", results[3].End, begin.Add(time.Hour))
	if err != nil || bad.Trace != results[4].Trace || good.Trace != results[3].Trace {
		t.Errorf("want the first bad run of the given time, got %v and %v, %v", good, bad, err)
	}
	if bad, good, err = b.FirstBad(t.Context(), "b", begin, begin.Add(time.Hour)); bad != nil || good != nil || err != nil {
		t.Errorf("want nothing of a probe without runs, got %v and %v, %v", good, bad, err)
	}
}

func TestMissesOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	w := history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention()})
	want := []probe.Miss{
		{Probe: "a", Intended: begin, Reason: probe.MissLimit, Count: 1},
		{Probe: "a", Intended: begin.Add(time.Minute), Reason: probe.MissGap, Count: 3},
	}
	w.Missed(probe.Miss{Probe: "b", Intended: begin, Reason: probe.MissLimit, Count: 1})
	w.Missed(want[1])
	w.Missed(want[0])
	writtenBy(w)
	got, err := b.MissesOf(t.Context(), "a", begin.Add(-time.Second), begin.Add(time.Hour), 10)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestDetailsAreDeletedWithTheirRuns(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	now := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	older, newer := detailed("a", now.Add(-3*time.Hour), 500), detailed("a", now.Add(-time.Hour), 500)
	written(b.Store, older, newer)
	if err := b.Forget(t.Context(), history.Retention{Runs: 2 * time.Hour, Rollups: 24 * time.Hour}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Store.Run(t.Context(), older.Trace); !errors.Is(err, history.ErrNoRun) {
		t.Errorf("want the older run deleted, got %v", err)
	}
	if _, err := b.Store.Run(t.Context(), newer.Trace); err != nil {
		t.Errorf("want the newer run kept, got %v", err)
	}
}
