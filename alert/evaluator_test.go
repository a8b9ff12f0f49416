package alert_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/probe"
)

// evaluate runs an evaluator in a bubble, and returns it with the transitions that it has handled.
func evaluate(t *testing.T, rules ...alert.Rule) (*alert.Evaluator, func() []alert.Transition, context.CancelFunc) {
	t.Helper()
	var mu sync.Mutex
	var handled []alert.Transition
	v := alert.NewEvaluator(engine(t, alert.EngineOptions{Rules: rules, Probes: probes("a")}), func(c alert.Transition) {
		mu.Lock()
		defer mu.Unlock()
		handled = append(handled, c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go v.Run(ctx)
	return v, func() []alert.Transition {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return handled
	}, cancel
}

func events(list []alert.Transition) []alert.Event {
	var all []alert.Event
	for _, c := range list {
		all = append(all, c.Event)
	}
	return all
}

func TestTimeAloneFiresRemindsAndResolves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		v, handled, cancel := evaluate(t, rule(func(r *alert.Rule) {
			r.For = 30 * time.Second
			r.Repeat = time.Minute
			r.MinRuns = 1
			r.Threshold = 0.5
		}))
		defer cancel()
		for range 3 {
			v.Finished(result("a", time.Now(), 500))
		}
		v.Missed(probe.Miss{Probe: "a"})
		if got := handled(); got != nil {
			t.Fatalf("want no transition until the threshold was held, got %v", events(got))
		}
		<-time.After(299 * time.Second)
		v.Finished(result("a", time.Now(), 200))
		<-time.After(time.Hour)
		var got []time.Duration
		for _, c := range handled() {
			got = append(got, c.At.Sub(begin))
		}
		want := []time.Duration{30 * time.Second, 90 * time.Second, 150 * time.Second, 210 * time.Second, 270 * time.Second, 300 * time.Second}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if last := handled()[5].Event; last != alert.EventResolved || len(v.Incidents()) != 0 {
			t.Errorf("want RESOLVED as the last event, got %s and %d incidents", last, len(v.Incidents()))
		}
	})
}

func TestProbingNeverWaitsForTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []alert.Event
		v := alert.NewEvaluator(engine(t, alert.EngineOptions{
			Probes: probes("a"), Rules: []alert.Rule{rule(func(r *alert.Rule) { r.MinRuns = 1 })},
		}),
			func(c alert.Transition) {
				<-release
				got = append(got, c.Event)
			})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { v.Run(ctx) })
		begin := time.Now()
		for i := range 100 {
			v.Finished(result("a", time.Now().Add(time.Duration(i)*time.Millisecond), 200+300*((i+1)%2)))
			v.Snapshot()
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("want no waiting, got %v", took)
		}
		cancel()
		close(release)
		running.Wait()
		if diff := cmp.Diff([]alert.Event{alert.EventFiring}, got); diff != "" {
			t.Errorf("want all results handled before Run returns, -want +got:\n%s", diff)
		}
	})
}

func TestReplaceEndsRemovedIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, handled, cancel := evaluate(t, rule(func(r *alert.Rule) { r.MinRuns = 1 }))
		defer cancel()
		v.Finished(result("a", time.Now(), 500))
		broken := errors.New("broken")
		if err := v.Replace(func(*alert.Engine) (*alert.Engine, error) { return nil, broken }); !errors.Is(err, broken) ||
			len(v.Incidents()) != 1 {
			t.Errorf("want the old engine kept after %v, got %v", broken, err)
		}
		if err := v.Replace(func(previous *alert.Engine) (*alert.Engine, error) {
			return alert.NewEngine(alert.EngineOptions{Previous: previous})
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]alert.Event{alert.EventFiring, alert.EventEnded}, events(handled())); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
