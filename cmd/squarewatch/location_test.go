package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
)

const placedFile = sceneFile + `probes:
  - {name: intranet, path: /api/v1/intranet/, schedule: "@every 10s", expect: {status: [404]}, locations: ["eu-*"]}
`

// newSceneAt starts a daemon with a file on a host at a location. The returned function reloads the daemon with another file.
func newSceneAt(t *testing.T, where, file string) (*scene, func(file string)) {
	t.Helper()
	box := &inbox{began: time.Now()}
	s := newSceneWith(t, file, func(o *Options) {
		o.Load = func() (*config.Config, error) {
			environ := func(name string) (string, bool) { return where, name == config.LocationVariable }
			return loadWithKinds(file, config.Options{Environ: environ}, func(slack.Settings) outbox.Notifier { return box })()
		}
	})
	s.inbox = box
	return s, func(next string) {
		file = next
		s.reload(next)
	}
}

// sees checks that the status, the metrics and the page of a daemon show a text, or that none of them does.
func (s *scene) sees(want string, shown bool) {
	s.t.Helper()
	for _, path := range []string{"/api/v1/status", "/metrics", "/index.json", "/"} {
		if _, body := s.get(path); strings.Contains(body, want) != shown {
			s.t.Errorf("%s: want %q shown: %t, got\n%s", path, want, shown, body)
		}
	}
}

// TestAProbeOfOtherLocations runs a daemon at a location that a probe does not have. The probe is not late, not missed and has no rules.
func TestAProbeOfOtherLocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, reload := newSceneAt(t, "us", strings.Replace(placedFile, "rules:\n", "rules:\n"+
			"  - {name: inner, on: [unexpected], probes: [intranet], window: 1m, threshold: 50%, min_runs: 3}\n", 1))
		defer s.stop()
		s.after(10 * time.Minute)
		s.expectNoMessage()
		s.sees("intranet", false)
		if got := s.printed(); !strings.HasPrefix(got, "At us: 0 firing; 0 of 5 probes not healthy") {
			t.Errorf("want the location and five probes, got %s", got)
		}
		if !strings.Contains(s.log.String(), `msg="some probes do not run at this location" location=us probes=intranet`) {
			t.Errorf("want the probe in the log, got %s", s.log)
		}
		reload(strings.Replace(placedFile, `"eu-*"`, `"eu-*", us`, 1))
		s.after(10 * time.Minute)
		s.expectNoMessage()
		s.sees("intranet", true)
	})
}

// TestAProbeThatMovesToOtherLocations takes a failing probe away from a location by a reload.
func TestAProbeThatMovesToOtherLocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := strings.Replace(placedFile, "[404]", "[200]", 1) +
			"  - {name: other, path: /api/v1/intranet/, schedule: \"@every 10s\", expect: {status: [404]}, depends_on: [intranet]}\n"
		failing = strings.Replace(failing, "on: [5xx], window", "on: [5xx, 404], window", 1)
		s, reload := newSceneAt(t, "eu-fra", failing)
		defer s.stop()
		s.after(10 * time.Minute)
		if got := s.inbox.take(); len(got) != 1 || !strings.HasSuffix(got[0], "firing server-errors intranet") {
			t.Errorf("want one firing, got %v", got)
		}
		reload(strings.Replace(failing, `"eu-*"`, "sin", 1))
		s.after(10 * time.Minute)
		if got := s.inbox.take(); len(got) != 1 || !strings.HasSuffix(got[0], "ended server-errors intranet") {
			t.Errorf("want the end of the incident and nothing else, got %v", got)
		}
	})
}
