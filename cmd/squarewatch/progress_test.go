package main

import (
	"testing"
	"time"

	"squarewatch/probe"
)

func TestWatchdogIsFedByFinishedRuns(t *testing.T) {
	last := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	every := func(schedule string, timeout time.Duration) probe.Probe {
		return probe.Probe{Name: "p", Schedule: probe.MustSchedule(schedule), Timeout: timeout}
	}
	for _, c := range []struct {
		name   string
		probes []probe.Probe
		since  time.Duration // since the last finished run
		want   bool
	}{
		{"nothing to probe", nil, 24 * time.Hour, true},
		{"just finished", []probe.Probe{every("@every 1s", time.Second)}, time.Second, true},
		{"due and still answering", []probe.Probe{every("@every 10s", 30*time.Second)}, 50 * time.Second, true},
		{"due and overdue", []probe.Probe{every("@every 10s", 30*time.Second)}, 56 * time.Second, false},
		{"hourly, in between", []probe.Probe{every("@hourly", 10*time.Second)}, 59 * time.Minute, true},
		{"hourly, overdue", []probe.Probe{every("@hourly", 10*time.Second)}, 61 * time.Minute, false},
		{
			"the most frequent one counts",
			[]probe.Probe{every("@hourly", 10*time.Second), every("@every 30s", 10*time.Second)},
			10 * time.Minute,
			false,
		},
	} {
		p := &progress{}
		p.watch(c.probes)
		p.touch(last)
		if got := p.alive(last.Add(c.since)); got != c.want {
			t.Errorf("%s: want %v, got %v", c.name, c.want, got)
		}
	}
}

func TestMissedRunsDoNotFeedTheWatchdog(t *testing.T) {
	p := &progress{}
	p.watch([]probe.Probe{{Name: "p", Schedule: probe.MustSchedule("@every 1s"), Timeout: time.Second}})
	p.Missed(probe.Miss{Probe: "p", Count: 1})
	if p.alive(time.Now()) {
		t.Error("want the daemon stuck after misses only")
	}
	p.Finished(&probe.Result{Probe: "p"})
	if !p.alive(time.Now()) {
		t.Error("want the daemon alive after a finished run")
	}
}
