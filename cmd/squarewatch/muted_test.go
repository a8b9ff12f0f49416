package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// printed returns what the command status prints.
func (s *scene) printed() string {
	s.t.Helper()
	status := s.daemon.status(time.Now())
	return (&statusView{}).render(&status, time.Now())
}

func TestStatusSaysWhatMaintenanceMutes(t *testing.T) {
	file := sceneFile + `maintenance:
  - {name: nightly, schedule: "CRON_TZ=UTC 1 0 * * *", duration: 10m, rules: [server-errors], probes: [feed]}
  - {name: weekly, schedule: "CRON_TZ=UTC 2 0 * * *", duration: 1h}
`
	synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight UTC
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		for _, step := range []struct {
			after       time.Duration
			wants, none []string
		}{
			{0, []string{"Nothing is silenced."}, []string{"Maintenance"}},
			{90 * time.Second, []string{
				"Maintenance nightly mutes rule server-errors of probe feed until " + local(time.Date(2000, 1, 1, 0, 11, 0, 0, time.UTC)) + ".",
				"There are no silences.",
			}, []string{"weekly", "Nothing is silenced"}},
			{time.Minute, []string{"Maintenance nightly", "Maintenance weekly mutes everything until"}, []string{"Nothing is silenced"}},
			{10 * time.Minute, []string{"Maintenance weekly"}, []string{"nightly"}},
			{time.Hour, []string{"Nothing is silenced."}, []string{"Maintenance"}},
		} {
			s.after(step.after)
			text := s.printed()
			for _, want := range step.wants {
				if !strings.Contains(text, want) {
					t.Errorf("after %v: want %q in\n%s", step.after, want, text)
				}
			}
			for _, none := range step.none {
				if strings.Contains(text, none) {
					t.Errorf("after %v: want no %q in\n%s", step.after, none, text)
				}
			}
		}
	})
}

func TestASilenceOfAProbeSaysWhichRulesItDoesNotMute(t *testing.T) {
	l := newLive(t)
	const note = `It does not mute unauthenticated \(per credential\) and unreachable \(over all\), where these probes count too. ` +
		`Add a silence with --rule unauthenticated --rule unreachable to mute that as well\.`
	l.wants(exitOK, `(?s)mutes probe reach until .*`+note, "silence", "add", "--probe", "reach", "--for", "2h")
	for _, args := range [][]string{
		{"--rule", "server-errors", "--probe", "reach"}, {"--rule", "unauthenticated"}, {"--all"}, {"--series", "reach"},
	} {
		text := l.wants(exitOK, `mutes`, append([]string{"silence", "add", "--for", "2h"}, args...)...)
		if strings.Contains(text, "does not mute") {
			t.Errorf("%v: want no note, got %s", args, text)
		}
	}
}
