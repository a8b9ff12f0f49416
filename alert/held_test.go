package alert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

func TestHeldTimeSurvivesRestarts(t *testing.T) {
	options := alert.EngineOptions{
		Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.For = 15 * time.Second; r.MinRuns = 3 })},
	}
	var seen []*probe.Result
	var fired []string
	for begin := 0; begin < 60 && fired == nil; begin += 13 { // each process runs for 12 s, with one second between two of them
		e := engine(t, options)
		e.Restore(nil)
		for _, r := range seen {
			if gap := r.End.Sub(start()) / time.Second; gap > 0 && gap%13 == 0 {
				e.Unwatched(r.End.Add(-time.Millisecond))
			}
			e.Recall(r)
		}
		e.Resume(sec(begin))
		for second := begin; second < begin+12; second++ {
			r := result("a", sec(second), 500)
			seen = append(seen, r)
			fired = append(fired, summaries(e.Observe(r))...)
		}
	}
	// The threshold is crossed at 2 s. Runs are seen for 9 s until 11 s, and again from 13 s on. The sum reaches 15 s at 19 s.
	if len(fired) != 1 || fired[0] != "19 firing server-errors/a 18/18" {
		t.Errorf("want it to fire after 15 s in which runs were seen, got %v", fired)
	}
}

func TestUnwatchedTimeDoesNotCountAsHeld(t *testing.T) {
	options := alert.EngineOptions{
		Probes: probes("a"), Rules: []alert.Rule{short(func(r *alert.Rule) { r.For = 10 * time.Minute; r.Window = time.Hour })},
	}
	e := engine(t, options)
	for second := range 60 {
		e.Recall(result("a", sec(second), 500))
	}
	e.Unwatched(sec(1800))
	for second := 1800; second < 1830; second++ {
		e.Recall(result("a", sec(second), 500))
	}
	e.Resume(sec(1831))
	same(t, nil, summaries(feed(e, "a", 1832, codes(60, 500)...)))
}

func TestAFlappingIncidentIsHeldOpen(t *testing.T) {
	e := engine(t, alert.EngineOptions{
		Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.Window = 10 * time.Second; r.MinRuns = 3 })},
	})
	var feeds []int
	for range 30 { // 20 minutes of 20 s bad, 20 s good
		feeds = append(feeds, codes(20, 500, 20, 200)...)
	}
	got := feed(e, "a", 0, append(feeds, codes(1200, 200)...)...)
	var events []alert.Event
	for _, c := range got {
		events = append(events, c.Event)
	}
	want := []alert.Event{"firing", "resolved", "firing", "resolved", "firing", "resolved"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	if i := got[4].Incident; i.HeldOpen != 10*time.Minute || i.Reopened != 2 {
		t.Errorf("want the third beginning to say that it is held open, got %v after %d", i.HeldOpen, i.Reopened)
	}
	last := got[5]
	if at := last.At.Sub(start()); at < 20*time.Minute+9*time.Minute || at > 20*time.Minute+11*time.Minute || last.Incident.Reopened != 29 {
		t.Errorf("want it over ten minutes after the last bad run, having fired again 29 times, got %v and %d", at, last.Incident.Reopened)
	}
}
