package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/probe/aisquaretest"
)

// These tests check that a message is compared with silences, maintenance and the configuration when it is delivered.

func TestSilenceMutesAnUndeliveredFiring(t *testing.T) {
	for name, test := range map[string]struct {
		back   time.Duration // when the channel is reachable again, after the silence of 10 minutes began
		mended bool          // the API recovers in the silence
		want   []string
	}{
		"it still fires when the silence ends":                           {2 * time.Minute, false, []string{"FIRING server-errors feed"}},
		"it recovers in the silence":                                     {2 * time.Minute, true, nil},
		"the channel is back after the silence":                          {12 * time.Minute, false, []string{"FIRING server-errors feed"}},
		"it recovers in the silence, and the channel is back only later": {12 * time.Minute, true, nil},
		"the channel is back in the last second of the silence": {
			10*time.Minute - time.Second, false,
			[]string{"FIRING server-errors feed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := opsFile(t)
			synctest.Test(t, func(t *testing.T) {
				ops := &channel{}
				s := newChannelScene(t, file, channels{"x": ops})
				defer s.stop()
				s.fireWhileDown(ops)
				s.silenceFeed(10 * time.Minute)
				if test.mended {
					s.api.ClearFaults()
				}
				s.after(test.back)
				ops.fail(false)
				s.after(9*time.Minute - min(test.back, 9*time.Minute))
				if test.back < 10*time.Minute {
					ops.expect(t)
				}
				s.after(20 * time.Minute)
				ops.expect(t, test.want...)
				s.api.ClearFaults()
				s.after(10 * time.Minute)
				if len(test.want) > 0 {
					ops.expect(t, "RESOLVED server-errors feed")
				}
				ops.expect(t)
			})
		})
	}
}

func TestMaintenanceMutesAnUndeliveredFiring(t *testing.T) {
	file := opsFile(t) + "maintenance: [{name: hourly, schedule: \"CRON_TZ=UTC 5 0 * * *\", duration: 10m, probes: [feed]}]\n"
	synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight UTC
		ops := &channel{}
		s := newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.after(3 * time.Minute)
		s.fireWhileDown(ops)
		s.after(2 * time.Minute) // the maintenance has begun
		ops.fail(false)
		s.after(8 * time.Minute)
		ops.expect(t)
		s.after(5 * time.Minute)
		ops.expect(t, "FIRING server-errors feed")
	})
}

func TestSilenceMutesAnUndeliveredResolved(t *testing.T) {
	file := opsFile(t)
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{}
		s := newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(time.Minute)
		ops.expect(t, "FIRING server-errors feed")
		ops.fail(true)
		s.api.ClearFaults()
		s.after(2 * time.Minute)
		s.silenceFeed(20 * time.Minute)
		ops.fail(false)
		s.after(15 * time.Minute)
		ops.expect(t)
		if count, _, _ := s.daemon.outbox.Pending("ops"); count != 0 {
			t.Errorf("want a muted message not counted as undelivered, got %d", count)
		}
		s.after(10 * time.Minute)
		for _, m := range ops.expect(t, "RESOLVED server-errors feed") {
			if strings.Contains(m.Plain(), "late") {
				t.Errorf("want no mention of a late delivery, got\n%s", m.Plain())
			}
		}
	})
}

func TestReloadEndsAnUndeliveredFiring(t *testing.T) {
	without := func(file string) string { return strings.Replace(file, "name: server-errors", "name: other-errors", 1) }
	for name, change := range map[string]func(s *scene, all channels) *scene{
		"a reload": func(s *scene, all channels) *scene {
			all["x"].fail(false)
			s.reload(without(s.file))
			return s
		},
		"a restart": func(s *scene, all channels) *scene {
			s.stop()
			all["x"].fail(false)
			s = newChannelScene(s.t, without(s.file), all)
			s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := opsFile(t)
			synctest.Test(t, func(t *testing.T) {
				all := channels{"x": &channel{}}
				s := newChannelScene(t, file, all)
				s.fireWhileDown(all["x"])
				s = change(s, all)
				defer func() { s.stop() }()
				s.after(5 * time.Minute)
				taken := all["x"].expect(t, "ENDED server-errors feed", "FIRING other-errors feed")
				if len(taken) > 0 && strings.Contains(taken[0].Plain(), "RESOLVED") {
					t.Errorf("want no mention of a recovery, got\n%s", taken[0].Plain())
				}
			})
		})
	}
}

func TestRenamedRuleEndsItsIncident(t *testing.T) {
	file := opsFile(t)
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{}
		s := newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(time.Minute)
		ops.expect(t, "FIRING server-errors feed")
		s.reload(strings.Replace(file, "name: server-errors", "name: other-errors", 1))
		s.after(2 * time.Minute)
		taken := ops.expect(t, "ENDED server-errors feed", "FIRING other-errors feed")
		if len(taken) > 0 && !strings.Contains(taken[0].Plain(), "It did not recover") {
			t.Errorf("want the message to say that the incident did not recover, got\n%s", taken[0].Plain())
		}
	})
}

func TestAnAddedNotifierReceivesWhatFires(t *testing.T) {
	receivesWhatFires(t, withPager, "pager", "RESOLVED server-errors feed")
}

func TestAnAddedNotifierReceivesNoSilencedIncident(t *testing.T) {
	file := opsFile(t)
	synctest.Test(t, func(t *testing.T) {
		all := channels{"x": &channel{}, "pager": &channel{}}
		s := newChannelScene(t, file, all)
		defer s.stop()
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(time.Minute)
		s.silenceFeed(time.Hour)
		s.reload(withPager(s.file))
		s.after(30 * time.Minute)
		all["pager"].expect(t)
		s.after(31 * time.Minute)
		all["pager"].expect(t, "FIRING server-errors feed")
		all["x"].expect(t, "FIRING server-errors feed")
	})
}

func TestAReloadThatRemovesMaintenanceReportsWhatFires(t *testing.T) {
	file := opsFile(t)
	window := "maintenance: [{name: daily, schedule: \"CRON_TZ=UTC 1 0 * * *\", duration: 5h, probes: [feed]}]\n"
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{}
		s := newChannelScene(t, file+window, channels{"x": ops})
		defer s.stop()
		s.after(2 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(10 * time.Minute)
		ops.expect(t)
		s.reload(file)
		s.after(time.Minute)
		ops.expect(t, "FIRING server-errors feed")
	})
}

func TestFiringAfterALongStopShowsItsFigures(t *testing.T) {
	file := opsFile(t)
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{}
		s := newChannelScene(t, file, channels{"x": ops})
		s.silenceFeed(20 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(5 * time.Minute)
		s.stop()
		ops.expect(t)
		s.after(time.Hour)
		s = newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(time.Second)
		for _, m := range ops.expect(t, "FIRING server-errors feed") {
			text := m.Plain()
			if strings.Contains(text, "0 of 0") || !strings.Contains(text, "answered 500") || !strings.Contains(text,
				"no run has finished in the last 1m") {
				t.Errorf("want the figures from the time of firing, and that no run finished since, got\n%s", text)
			}
		}
	})
}

func TestAnOutageIsAsLongAsItsBadRuns(t *testing.T) {
	file := strings.Replace(opsFile(t), "window: 1m, threshold: 50%, min_runs: 3}\n  - {name: unauth",
		"window: 1m, threshold: 50%, min_runs: 3, for: 20s}\n  - {name: unauth", 1)
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{}
		s := newChannelScene(t, file, channels{"x": ops})
		s.after(10 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(70 * time.Second)
		fired := ops.expect(t, "FIRING server-errors feed")
		var status statusJSON
		_, page := s.get("/api/v1/status")
		if err := json.Unmarshal([]byte(page), &status); err != nil {
			t.Fatal(err)
		}
		for _, a := range status.Alerts {
			if a.State != string(alert.Firing) {
				continue
			}
			if a.Since == nil || !a.Since.Equal(*a.FirstBad) || !a.Fired.After(*a.FirstBad) || a.BadRuns != 7 {
				t.Errorf("want different values for bad time and declared time, got %+v", a)
			}
			if len(fired) == 1 && !strings.Contains(fired[0].Plain(), a.Since.UTC().Format("15:04:05 UTC")+">") {
				t.Errorf("want the message to say since %v as well, got\n%s", a.Since, fired[0].Plain())
			}
		}
		s.stop() // bad runs since FIRING are counted across a restart
		s = newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.api.ClearFaults()
		s.after(5 * time.Minute)
		for _, m := range ops.expect(t, "RESOLVED server-errors feed") {
			if text := m.Plain(); !strings.Contains(m.Text, "7 bad runs in 1m") || !strings.Contains(text, "It fired for 1m") {
				t.Errorf("want different values for bad time and declared time, got\n%s", text)
			}
		}
	})
}
