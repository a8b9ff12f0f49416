package main

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"

	"github.com/google/go-cmp/cmp"
)

// These tests check that a message is compared with silences, maintenance and the configuration when it is delivered.

// channel is a Slack channel that keeps its messages as a person reads them, and that can be down.
type channel struct {
	mu       sync.Mutex
	down     bool
	messages []slack.Message
}

func (c *channel) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return "", &outbox.DeliveryError{Reason: outbox.ReasonNetwork, Err: errors.New("no route to host")}
	}
	c.messages = append(c.messages, slack.Render(n, slack.Options{}))
	return "", nil
}

func (c *channel) fail(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// take returns the messages since the last call.
func (c *channel) take() []slack.Message {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.messages
	c.messages = nil
	return taken
}

// expect compares event, rule and series of the messages since the last call, and returns the messages.
func (c *channel) expect(t *testing.T, want ...string) []slack.Message {
	t.Helper()
	taken := c.take()
	var got []string
	for _, m := range taken {
		text, _, _ := strings.Cut(m.Text, ":")
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages, -want +got:\n%s", diff)
	}
	return taken
}

// channels are named after the last part of their webhook's path.
type channels map[string]*channel

// newChannelScene starts a daemon whose notifiers deliver to the channels.
func newChannelScene(t *testing.T, file string, all channels) *scene {
	t.Helper()
	var s *scene
	known := kinds()
	known.Notifiers = []config.Kind[outbox.Notifier]{
		config.NewKind("slack", slack.Settings{}, func(settings slack.Settings, _ *config.Config) (outbox.Notifier, error) {
			return all[path.Base(settings.WebhookURL.Reveal())], nil
		}),
	}
	current := &file
	s = newSceneWith(t, file, func(o *Options) {
		o.Load = func() (*config.Config, error) {
			return config.Parse("scene.yaml", []byte(*current), config.Options{Kinds: known})
		}
	})
	current = &s.file
	return s
}

// opsFile has one notifier, ops, whose channel is x, and one probe, feed.
func opsFile(t *testing.T) string {
	t.Helper()
	return onlyFeed(keptFile(t))
}

// onlyFeed removes the other probes from a scene's file. A test that passes hours then runs a fraction of them.
func onlyFeed(file string) string {
	return strings.Replace(file, "permission-unknown, auth-wall, collections, ", "", 1)
}

// withPager adds a second notifier to the file.
func withPager(file string) string {
	return strings.Replace(file, "notifiers: {ops:",
		`notifiers: {pager: {slack: {webhook_url: "https://hooks.example.org/pager"}, group_wait: 0s}, ops:`, 1)
}

// silenceFeed silences the probe feed for a time.
func (s *scene) silenceFeed(d time.Duration) {
	s.t.Helper()
	body := `{"probes": ["feed"], "until": "` + time.Now().Add(d).UTC().Format(time.RFC3339) + `", "by": "me"}`
	if kept, err := s.post("/api/v1/silences", body); err != nil || !strings.Contains(kept, `"probes":["feed"]`) {
		s.t.Fatalf("want the silence in force, got %s, %v", kept, err)
	}
}

// fireWhileDown makes feed fire while the channel is down, so that the message FIRING is not delivered.
func (s *scene) fireWhileDown(c *channel) {
	c.fail(true)
	s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
	s.after(time.Minute)
}

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
		"the channel is back in the last second of the silence, or later": {
			10*time.Minute - time.Second, false,
			[]string{"FIRING server-errors feed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
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
				t.Errorf("want no talk of a late delivery, got\n%s", m.Plain())
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
					t.Errorf("want no word of a recovery, got\n%s", taken[0].Plain())
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
			t.Errorf("want it said that it did not recover, got\n%s", taken[0].Plain())
		}
	})
}

func TestAnAddedNotifierReceivesWhatFires(t *testing.T) {
	for name, change := range map[string]func(s *scene, all channels) *scene{
		"a reload": func(s *scene, _ channels) *scene {
			s.reload(withPager(s.file))
			return s
		},
		"a restart": func(s *scene, all channels) *scene {
			s.stop()
			s = newChannelScene(s.t, withPager(s.file), all)
			s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := opsFile(t)
			synctest.Test(t, func(t *testing.T) {
				all := channels{"x": &channel{}, "pager": &channel{}}
				s := newChannelScene(t, file, all)
				s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
				s.after(10 * time.Minute)
				all["x"].expect(t, "FIRING server-errors feed")
				s = change(s, all)
				defer func() { s.stop() }()
				s.after(time.Minute)
				all["pager"].expect(t, "FIRING server-errors feed")
				s.reload(s.file + "# nothing changed\n")
				s.after(time.Minute)
				s.api.ClearFaults()
				s.after(5 * time.Minute)
				all["pager"].expect(t, "RESOLVED server-errors feed")
				all["x"].expect(t, "RESOLVED server-errors feed")
			})
		})
	}
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
				t.Errorf("want the figures of when it fired, and that nothing was seen since, got\n%s", text)
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
				t.Errorf("want bad time and declared time apart, got %+v", a)
			}
			if len(fired) == 1 && !strings.Contains(fired[0].Plain(), a.Since.UTC().Format("15:04:05 UTC")+">") {
				t.Errorf("want the message to say since %v as well, got\n%s", a.Since, fired[0].Plain())
			}
		}
		s.stop() // bad runs since FIRING are counted over a restart
		s = newChannelScene(t, file, channels{"x": ops})
		defer s.stop()
		s.api.ClearFaults()
		s.after(5 * time.Minute)
		for _, m := range ops.expect(t, "RESOLVED server-errors feed") {
			if text := m.Plain(); !strings.Contains(m.Text, "7 bad runs in 1m") || !strings.Contains(text, "It fired for 1m") {
				t.Errorf("want bad time and declared time apart, got\n%s", text)
			}
		}
	})
}
