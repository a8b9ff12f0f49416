package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/probe/aisquaretest"

	"github.com/google/go-cmp/cmp"
)

// pair is two notifiers, ops and team. What they receive is kept under their names.
type pair struct {
	mu     sync.Mutex
	broken map[string]bool
	got    map[string][]slack.Message
}

func (p *pair) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken[n.Notifier] {
		return "", &outbox.DeliveryError{Reason: "network", Err: errors.New("post to Slack: no route to host")}
	}
	p.got[n.Notifier] = append(p.got[n.Notifier], slack.Render(n, slack.Options{}))
	return "", nil
}

func (p *pair) breakOps(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken["ops"] = broken
}

// take returns the texts that a notifier received since the last call: the first three words and the whole text.
func (p *pair) take(name string) (titles []string, texts string) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, m := range p.got[name] {
		words := strings.Fields(strings.ReplaceAll(m.Text, ":", " "))
		titles = append(titles, strings.Join(words[:3], " "))
		all = append(all, m.Plain())
	}
	p.got[name] = nil
	return titles, strings.Join(all, "\n")
}

// newPairScene starts a daemon that notifies a pair.
func newPairScene(t *testing.T, file string) (*scene, *pair) {
	t.Helper()
	p := newPair()
	return p.newScene(t, file), p
}

func newPair() *pair {
	return &pair{broken: map[string]bool{}, got: map[string][]slack.Message{}}
}

// newScene starts a daemon that notifies the pair. A notifier that is broken now fails from the daemon's first delivery on.
func (p *pair) newScene(t *testing.T, file string) *scene {
	t.Helper()
	return newSceneWith(t, file, func(o *Options) {
		o.Load = loadWith(file, p)
	})
}

const second = `
  team: {slack: {webhook_url: "https://hooks.example.org/y"}, group_wait: 0s}
`

// withSecond adds a second notifier to a scene's file, whose last lines are its notifiers.
func withSecond(file string) string {
	return strings.Replace(file, "notifiers: {ops: {slack: {webhook_url: \"https://hooks.example.org/x\"}, group_wait: 0s}}",
		"notifiers:\n  ops: {slack: {webhook_url: \"https://hooks.example.org/x\"}, group_wait: 0s}"+second, 1)
}

// TestANotifierThatFailsIsAnnouncedThroughTheOther breaks one of two notifiers for an hour, during an outage.
func TestANotifierThatFailsIsAnnouncedThroughTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newPairScene(t, withSecond(sceneFile))
		defer s.stop()
		s.after(time.Minute)
		p.breakOps(true)
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(5 * time.Minute)
		if got, _ := p.take("team"); !cmp.Equal(got, []string{"FIRING server-errors feed"}) {
			t.Errorf("want the outage alone in the first minutes, got %q", got)
		}
		s.after(55 * time.Minute)
		got, text := p.take("team")
		if diff := cmp.Diff([]string{"FIRING watcher notifier-ops"}, got); diff != "" {
			t.Errorf("team (-want +got):\n%s", diff)
		}
		for _, part := range []string{"no route to host", "What to do: squarewatch notify ops tests it", "for 5m"} {
			if !strings.Contains(text, part) {
				t.Errorf("want %q in\n%s", part, text)
			}
		}
		p.breakOps(false)
		s.after(10 * time.Minute)
		if got, _ := p.take("team"); !cmp.Equal(got, []string{"RESOLVED watcher notifier-ops"}) {
			t.Errorf("want the end, got %q", got)
		}
		if got, _ := p.take("ops"); !cmp.Equal(got, []string{"FIRING server-errors feed"}) {
			t.Errorf("want no message about itself, got %q", got)
		}
	})
}

// TestANotifierThatFailsOverARestartIsAnnouncedOnce restarts the daemon while a notifier fails. The trouble goes on and is announced once.
func TestANotifierThatFailsOverARestartIsAnnouncedOnce(t *testing.T) {
	file := withSecond(keptFile(t))
	synctest.Test(t, func(t *testing.T) {
		s, p := newPairScene(t, file)
		p.breakOps(true)
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(20 * time.Minute)
		if got, _ := p.take("team"); !cmp.Equal(got, []string{"FIRING server-errors feed", "FIRING watcher notifier-ops"}) {
			t.Errorf("before the restart: got %q", got)
		}
		s.stop()
		p = newPair()
		p.breakOps(true)
		s = p.newScene(t, file)
		defer s.stop()
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(20 * time.Minute)
		if got, _ := p.take("team"); len(got) != 0 {
			t.Errorf("want no second message, got %q", got)
		}
		p.breakOps(false)
		s.after(10 * time.Minute)
		if got, _ := p.take("team"); !cmp.Equal(got, []string{"RESOLVED watcher notifier-ops"}) {
			t.Errorf("want the end, got %q", got)
		}
	})
}

// TestAStateOfANewerProgramIsAnnounced starts on a database of a newer squarewatch, and later moves that database away.
func TestAStateOfANewerProgramIsAnnounced(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		first, _ := newPairScene(t, file)
		first.stop()
		path := first.daemon.state.path
		makeNewer(t, path)
		s, p := newPairScene(t, file)
		defer s.stop()
		s.after(3 * time.Minute)
		got, text := p.take("ops")
		if diff := cmp.Diff([]string{"FIRING watcher storage"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, part := range []string{"written by a newer squarewatch", "install the newer version again", "may have been announced again"} {
			if !strings.Contains(text, part) {
				t.Errorf("want %q in the message\n%s", part, text)
			}
		}
		_, page := s.get("/api/v1/status")
		if !regexp.MustCompile(`"state_fault":"[^"]*written by a newer squarewatch`).MatchString(page) {
			t.Errorf("want the fault in the status, got %s", page)
		}
		for _, suffix := range []string{"", "-wal"} {
			if err := os.Rename(path+suffix, path+".old"+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		s.after(time.Minute)
		if got, _ := p.take("ops"); !cmp.Equal(got, []string{"RESOLVED watcher storage"}) {
			t.Errorf("want the end, got %q", got)
		}
	})
}

// TestAStateThatCannotBeWrittenIsAnnounced makes the open database read-only, and writable again.
func TestAStateThatCannotBeWrittenIsAnnounced(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		s, p := newPairScene(t, file)
		defer s.stop()
		s.after(time.Minute)
		set := func(pragma string) {
			if _, err := s.daemon.state.opened.Load().db.ExecContext(t.Context(), "PRAGMA query_only = "+pragma); err != nil {
				t.Fatal(err)
			}
		}
		set("on")
		s.after(3 * time.Minute)
		got, text := p.take("ops")
		if diff := cmp.Diff([]string{"FIRING watcher storage"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !strings.Contains(text, "make state_dir writable") || strings.Contains(text, "may have been announced again") {
			t.Errorf("want what to do in the message, and no word about an earlier process\n%s", text)
		}
		set("off")
		s.after(5 * time.Minute)
		if got, _ := p.take("ops"); !cmp.Equal(got, []string{"RESOLVED watcher storage"}) {
			t.Errorf("want the end, got %q", got)
		}
	})
}

// makeNewer sets the version of the tables to one that no program has yet.
func makeNewer(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO alert_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
}
