package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/dispatch"
)

// wall is a wall clock that can be set.
type wall struct {
	mu    sync.Mutex
	shift time.Duration
}

func (w *wall) set(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shift += by
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.shift)
}

// account counts the outcomes of a probe's intended runs.
type account struct{ ran, gap, overrun, limit, other int }

func (l *ledger) account(name string) (a account) {
	for _, r := range l.runs {
		if r.Probe == name {
			a.ran++
		}
	}
	for _, m := range l.misses {
		switch {
		case m.Probe != name:
		case m.Reason == probe.MissGap:
			a.gap += m.Count
		case m.Reason == probe.MissOverrun:
			a.overrun += m.Count
		case m.Reason == probe.MissLimit:
			a.limit += m.Count
		default:
			a.other += m.Count
		}
	}
	return a
}

// span is a part of the simulated day by the wall clock. In a gap the process did not run.
type span struct {
	from, until time.Time
	gap         bool
}

// TestADayWithSleepAndClockChanges lets the machine sleep and sets the clock twice, over the night in which summer time begins or ends.
// Every run that was intended while the process ran either ran or was missed because the last run had not ended. Every other intended run
// is reported as a gap, and so is a run that spans the beginning of one. No missed run starts later.
func TestADayWithSleepAndClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, noon := range map[string]time.Time{
		"summer time begins": time.Date(2026, 3, 28, 12, 0, 0, 0, berlin),
		"summer time ends":   time.Date(2026, 10, 24, 12, 0, 0, 0, berlin),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sleepAndClockChanges(t, noon) })
		})
	}
}

func sleepAndClockChanges(t *testing.T, noon time.Time) {
	t.Helper()
	clock := &wall{}
	clock.set(time.Until(noon.Add(500 * time.Millisecond)))
	entries := equalEntries(20, "@every 30s", time.Second)
	entries = append(entries, taking("night", "CRON_TZ=Europe/Berlin 30 2 * * *", time.Second),
		taking("half-hourly", "CRON_TZ=Europe/Berlin */30 * * * *", time.Second), taking("slow", "@every 30s", 70*time.Second))
	l := &ledger{}
	d := dispatch.New(dispatch.Options{Entries: entries, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Wall: clock.now})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	from := clock.now()
	running.Go(func() { d.Run(ctx, dispatch.Handover{Since: from}) })

	var spans []span
	// wait lets time pass. setClock sets the clock and returns when the dispatcher has noticed it, which is when the next run is due.
	wait := func(d time.Duration) {
		from := clock.now()
		<-time.After(d)
		synctest.Wait()
		spans = append(spans, span{from, clock.now(), false})
	}
	setClock := func(by time.Duration) {
		noticed := 10 * time.Second
		for _, e := range entries {
			noticed = min(noticed, e.Probe.Schedule.Next(clock.now()).Sub(clock.now()))
		}
		from := clock.now()
		clock.set(by)
		<-time.After(noticed)
		synctest.Wait()
		if by > 0 {
			spans = append(spans, span{from, clock.now(), true})
		} // else the same times come again
	}
	wait(6 * time.Hour)
	setClock(7 * time.Hour) // the machine sleeps, from six until one
	wait(3 * time.Hour)
	setClock(90 * time.Second) // the clock is set forward
	wait(3 * time.Hour)
	setClock(-20 * time.Minute) // and back
	wait(4 * time.Hour)
	cancel()
	running.Wait()

	for _, e := range entries {
		var watched, unwatched int
		for _, s := range spans {
			n := e.Probe.Schedule.Between(s.from, s.until)
			if s.gap {
				unwatched += n
			} else {
				watched += n
			}
		}
		if e.Probe.Name != "slow" { // a run of a second that is under way when a gap begins is missed too
			for i := 1; i < len(spans); i++ {
				if end := spans[i-1].until; spans[i].gap {
					n := e.Probe.Schedule.Between(end.Add(-time.Second), end)
					watched, unwatched = watched-n, unwatched+n
				}
			}
		}
		got := l.account(e.Probe.Name)
		if got.gap != unwatched || got.ran+got.overrun+got.limit+got.other != watched {
			t.Errorf("%s: want %d runs intended and %d in gaps, got %+v", e.Probe.Name, watched, unwatched, got)
		}
		if e.Probe.Name != "slow" && got.ran != watched {
			t.Errorf("%s: want every run that was intended while the process ran, %d, got %+v", e.Probe.Name, watched, got)
		}
		if e.Probe.Name == "slow" && (got.overrun < watched/2 || got.limit+got.other > 0) {
			t.Errorf("slow: want two of three runs missed by overrun, got %+v", got)
		}
	}
	noBurst(t, l)
	if got := l.account("p0"); got.gap < 7*120 {
		t.Errorf("want at least the %d runs of the night in gaps, got %+v", 7*120, got)
	}
}

// noBurst checks that the runs of a probe are not closer together than its schedule and one step of the clock allow.
func noBurst(t *testing.T, l *ledger) {
	t.Helper()
	last := map[string]time.Time{}
	for _, r := range l.runs {
		if before, ok := last[r.Probe]; ok && r.Start.Sub(before) < time.Second {
			t.Errorf("%s ran %v after its last run", r.Probe, r.Start.Sub(before))
		}
		last[r.Probe] = r.Start
	}
}

// TestSummerTimeIsCountedRight checks the number of runs on days on which summer time begins or ends.
func TestSummerTimeIsCountedRight(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		noon                       time.Time
		night, halfHourly, quarter int
	}{
		{time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), 1, 46, 92}, // a day of 23 hours: 02:30 does not exist, and its run starts at 03:00
		{time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), 1, 50, 100},
		{time.Date(2026, 6, 1, 12, 0, 0, 0, berlin), 1, 48, 96},
	} {
		t.Run(c.noon.Format(time.DateOnly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := &wall{}
				clock.set(time.Until(c.noon))
				l := &ledger{}
				d := dispatch.New(dispatch.Options{
					Entries: []dispatch.Entry{
						taking("night", "CRON_TZ=Europe/Berlin 30 2 * * *", time.Second),
						taking("half-hourly", "CRON_TZ=Europe/Berlin */30 * * * *", time.Second),
						taking("quarter", "@every 15m", time.Second),
					},
					Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Wall: clock.now,
				})
				nextNoon := time.Date(c.noon.Year(), c.noon.Month(), c.noon.Day()+1, 12, 0, 0, 500, berlin)
				ctx, cancel := context.WithTimeout(t.Context(), nextNoon.Sub(c.noon))
				defer cancel()
				d.Run(ctx, dispatch.Handover{Since: clock.now()})
				for name, want := range map[string]int{"night": c.night, "half-hourly": c.halfHourly, "quarter": c.quarter} {
					if got := l.account(name); got != (account{ran: want}) {
						t.Errorf("%s: want %d runs and no miss, got %+v", name, want, got)
					}
				}
			})
		})
	}
}

// TestClockStepIsNoticedAfterAnEarlyWakeUp has a probe that changes its schedule while the clock is set.
func TestClockStepIsNoticedAfterAnEarlyWakeUp(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -20 * time.Minute, "forward": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := &wall{}
				begin := time.Now()
				l := &ledger{}
				failing := taking("failing", "@every 1m", 0)
				failing.Probe.WhileUnexpected = probe.MustSchedule("@every 30s").For("failing")
				failing.Run = func(_ context.Context, intended time.Time) *probe.Result {
					if time.Since(begin) > 5*time.Minute && time.Until(clock.now()) == 0 {
						clock.set(by) // during a run that becomes unexpected, so that the loop wakes up early
						return &probe.Result{Probe: "failing", Intended: intended, Start: time.Now(), Class: probe.ServerError}
					}
					return &probe.Result{
						Probe: "failing", Intended: intended, Start: time.Now(), Class: probe.Success,
						Expected: time.Since(begin) < 5*time.Minute,
					}
				}
				entries := []dispatch.Entry{failing}
				for i := range 10 {
					entries = append(entries, taking(fmt.Sprintf("p%d", i), "@every 10s", time.Second))
				}
				d := dispatch.New(dispatch.Options{Entries: entries, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Wall: clock.now})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				d.Run(ctx, dispatch.Handover{Since: clock.now()})
				for i := range 10 {
					name := fmt.Sprintf("p%d", i)
					got := l.account(name)
					if got.ran < 59 || got.ran > 60 {
						t.Errorf("%s: want a run every 10s for 10m in spite of the step, got %+v", name, got)
					}
					if by > 0 && (got.gap < 119 || got.gap > 121) {
						t.Errorf("%s: want the 20m that were skipped in a gap, got %+v", name, got)
					}
				}
			})
		})
	}
}

// TestARunIsNotBothMadeAndMissed sets the clock forward by less than a gap. The run that is due is made, and those after it are missed.
func TestARunIsNotBothMadeAndMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &wall{}
		l := &ledger{}
		d := dispatch.New(dispatch.Options{
			Entries: []dispatch.Entry{taking("p", "@every 1s", 0)}, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Wall: clock.now,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		time.AfterFunc(5200*time.Millisecond, func() { clock.set(1900 * time.Millisecond) })
		d.Run(ctx, dispatch.Handover{Since: clock.now()})
		made := map[time.Time]bool{}
		for _, r := range l.runs {
			made[r.Intended] = true
		}
		if len(l.misses) != 1 {
			t.Fatalf("want the runs that were skipped as one miss, got %v", l.misses)
		}
		for n := range l.misses[0].Count {
			if at := l.misses[0].Intended.Add(time.Duration(n) * time.Second); made[at] {
				t.Errorf("the run of %v is made and missed", at)
			}
		}
	})
}
