package main

import (
	"context"
	"errors"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
)

// channel is a stand-in for a Slack channel. It keeps its messages as a person reads them, and it can be down.
type channel struct {
	mu       sync.Mutex
	down     bool
	messages []slack.Message
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

// addressed is the notifier of a channel.
type addressed struct {
	*channel
	name string
}

func (a addressed) Address() string { return a.name }

// newChannelScene starts a daemon whose notifiers deliver to the channels.
func newChannelScene(t *testing.T, file string, all channels) *scene {
	t.Helper()
	var s *scene
	known := kinds()
	known.Notifiers = []config.Kind[outbox.Notifier]{
		config.NewKind("slack", slack.Settings{}, func(settings slack.Settings, _ *config.Config) (outbox.Notifier, error) {
			name := path.Base(settings.WebhookURL.Reveal())
			return addressed{all[name], name}, nil
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

// opsFile has one notifier, ops, whose channel is x.
func opsFile(t *testing.T) string {
	t.Helper()
	return keptFile(t)
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

func (c *channel) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return "", &outbox.DeliveryError{Reason: outbox.ReasonNetwork, Err: errors.New("no route to host")}
	}
	c.messages = append(c.messages, slack.Render(n, slack.Options{}))
	return "", nil
}

// receivesWhatFires changes the file while an incident fires that channel x has received: once by a reload and once by a restart. It checks
// that the added channel receives FIRING and RESOLVED. At the end, channel x must receive the messages of old.
func receivesWhatFires(t *testing.T, edit func(file string) string, added string, old ...string) {
	t.Helper()
	for name, change := range map[string]func(s *scene, all channels) *scene{
		"a reload": func(s *scene, _ channels) *scene {
			s.reload(edit(s.file))
			return s
		},
		"a restart": func(s *scene, all channels) *scene {
			s.stop()
			s = newChannelScene(s.t, edit(s.file), all)
			s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := opsFile(t)
			synctest.Test(t, func(t *testing.T) {
				all := channels{"x": &channel{}, added: &channel{}}
				s := newChannelScene(t, file, all)
				s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
				s.after(10 * time.Minute)
				all["x"].expect(t, "FIRING server-errors feed")
				s = change(s, all)
				defer func() { s.stop() }()
				s.after(time.Minute)
				all[added].expect(t, "FIRING server-errors feed")
				s.reload(s.file + "# nothing changed\n")
				s.after(time.Minute)
				s.api.ClearFaults()
				s.after(5 * time.Minute)
				all[added].expect(t, "RESOLVED server-errors feed")
				all["x"].expect(t, old...)
			})
		})
	}
}
