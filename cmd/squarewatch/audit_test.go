package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// announcing is a notifier that also receives announcements.
type announcing struct {
	inbox

	mu   sync.Mutex
	said []string
}

func (c *announcing) Announce(_ context.Context, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, text)
	return nil
}

func TestASilenceIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &announcing{}
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, c)
		})
		defer s.stop()
		s.after(time.Minute)
		until := time.Now().Add(time.Hour).Format(time.RFC3339)
		kept, err := s.post("/api/v1/silences",
			`{"rules": ["server-errors"], "probes": ["feed"], "until": "`+until+`", "by": "me", "comment": "deployment"}`)
		if err != nil {
			t.Fatal(err)
		}
		_, id, _ := strings.Cut(kept, `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		if _, err := s.post("/-/reload", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := []string{"tester, on behalf of me silenced rule server-errors of probe feed until 2000-01-01 01:01 UTC " +
			"(silence " + id + "): deployment"}
		c.mu.Lock()
		defer c.mu.Unlock()
		if diff := cmp.Diff(want, c.said); diff != "" {
			t.Errorf("announced (-want +got):\n%s", diff)
		}
		for _, line := range []string{
			`msg="a silence was added" by="tester, on behalf of me" silence=` + id, `msg="a reload was requested" by=tester`,
		} {
			if !strings.Contains(s.log.String(), line) {
				t.Errorf("want %s in the log, got %s", line, s.log)
			}
		}
	})
}

// TestAChangeThatIsNotOnTheDiskIsLogged closes the database, so that the removal of a silence is in force and cannot be written.
func TestAChangeThatIsNotOnTheDiskIsLogged(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(time.Minute)
		s.silenceFeed(time.Hour)
		id := s.daemon.silences.List()[0].ID
		if err := s.daemon.state.opened.Load().db.Close(); err != nil {
			t.Fatal(err)
		}
		request, answer := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/", http.NoBody), httptest.NewRecorder()
		request.SetPathValue("id", id)
		s.daemon.removeSilence(answer, request, "tester")
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "not on the disk yet") {
			t.Errorf("want a warning, got %d %s", answer.Code, answer.Body)
		}
		if line := `msg="a silence was removed" by=tester silence=` + id; !strings.Contains(s.log.String(), line) {
			t.Errorf("want %s in the log", line)
		}
	})
}
