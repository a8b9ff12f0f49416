package main

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mmcdole/gofeed/atom"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/history"
)

// readFeed reads a feed with another implementation, and checks what RFC 4287 requires.
func readFeed(t *testing.T, text string) *atom.Feed {
	t.Helper()
	feed, err := (&atom.Parser{}).Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if feed.ID == "" || feed.Title == "" || feed.UpdatedParsed == nil || len(feed.Authors) != 1 || feed.Authors[0].Name != "squarewatch" {
		t.Errorf("want what a feed must have, got %s", text)
	}
	ids := map[string]bool{}
	for _, e := range feed.Entries {
		if e.ID == "" || ids[e.ID] || e.Title == "" || e.UpdatedParsed == nil || e.Content == nil || e.Content.Value == "" {
			t.Errorf("want what an entry must have, got %+v", e)
		}
		if u, err := url.Parse(e.ID); err != nil || u.Scheme != "tag" {
			t.Errorf("want an identifier that is a URI, got %q, %v", e.ID, err)
		}
		ids[e.ID] = true
	}
	return feed
}

func TestIncidentsAreInTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, id := newNotingScene(t)
		defer s.stop()
		read := func() *atom.Feed {
			status, text := s.get("/incidents.atom")
			if status != http.StatusOK {
				t.Fatalf("want the feed, got %d %s", status, text)
			}
			return readFeed(t, text)
		}
		firing := read().Entries
		if len(firing) != 1 || !strings.HasSuffix(firing[0].ID, "/incident/"+id) || firing[0].Title != "FIRING server-errors feed" {
			t.Errorf("want the incident that fires, got %+v", firing)
		}
		s.api.ClearFaults()
		s.after(20 * time.Minute)
		synctest.Wait()
		over := read().Entries
		if len(over) != 1 || over[0].ID != firing[0].ID || over[0].Title != "RESOLVED server-errors feed" ||
			!over[0].UpdatedParsed.After(*firing[0].UpdatedParsed) || !over[0].PublishedParsed.Equal(*firing[0].PublishedParsed) {
			t.Errorf("want the same incident, updated, got %+v", over)
		}
	})
}

func FuzzFeed(f *testing.F) {
	f.Add("feed", "too many connections")
	f.Add("\x00]]><x>&\ufffe", "\u202e<script>")
	f.Fuzz(func(t *testing.T, series, note string) {
		now := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
		incidents := []alert.Incident{
			{ID: "a1", Rule: "r", Series: series, Fired: now, Resolved: now.Add(time.Minute), EndReason: note},
			{ID: "b2", Rule: "r", Fired: now},
			{ID: "c3", Rule: "r", Fired: now, Leader: "b2"},
		}
		cfg := &config.Config{Target: &url.URL{Scheme: "https", Host: "api.aisquare.studio"}}
		cfg.ExternalURL = "https://watch.example.org/squarewatch"
		text, err := xml.Marshal(newFeed(incidents, cfg, now))
		if err != nil {
			t.Fatal(err)
		}
		feed := readFeed(t, xml.Header+string(text))
		if len(feed.Entries) != 2 || feed.Entries[0].Links[0].Href != "https://watch.example.org/squarewatch/incident/a1" {
			t.Errorf("want two entries with links, and none for the incident that joined another, got %s", text)
		}
	})
}

// TestBadgesAreHonest checks that a badge shows 100 % or green only without a bad run, and that it shows missed runs.
func TestBadgesAreHonest(t *testing.T) {
	for want, u := range map[string]history.Uptime{
		"no data":                {},
		"no data, 2 missed":      {Missed: 2},
		"100 %":                  {Runs: 2880, Good: 2880},
		"100 %, 1 missed":        {Runs: 2880, Good: 2880, Missed: 1},
		"99.9 %":                 {Runs: 100_000, Good: 99_999},
		"97 %, 3 missed":         {Runs: 100, Good: 97, Missed: 3},
		"0 %, 1234567890 missed": {Runs: 3, Missed: 1_234_567_890},
	} {
		if got := newBadge("feed", u); got.Text != want {
			t.Errorf("%+v: want %q, got %q", u, want, got.Text)
		}
	}
	for colour, u := range map[string]history.Uptime{
		badgeGood: {Runs: 5, Good: 5}, badgeMixed: {Runs: 5, Good: 5, Missed: 1}, badgeBad: {Runs: 5, Good: 4}, badgeNoData: {Missed: 1},
	} {
		if got := newBadge("feed", u).Colour; got != colour {
			t.Errorf("%+v: want %s, got %s", u, colour, got)
		}
	}
}

func TestBadgeOfAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, opsFile(t), func(*Options) {})
		defer s.stop()
		shows := func(want string) {
			t.Helper()
			synctest.Wait()
			status, text := s.get("/badge/feed.svg")
			if status != http.StatusOK {
				t.Fatalf("want a badge, got %d %s", status, text)
			}
			var picture struct {
				Title string   `xml:"title"`
				Texts []string `xml:"g>text"`
			}
			if err := xml.Unmarshal([]byte(text), &picture); err != nil || picture.Title != "feed: "+want ||
				strings.Join(picture.Texts, " ") != "feed "+want {
				t.Errorf("want %s, got %s, %v", want, text, err)
			}
		}
		shows("no data")
		s.after(5 * time.Minute)
		shows("100 %")
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(5 * time.Minute)
		if _, text := s.get("/badge/feed.svg"); strings.Contains(text, "100 %") || !strings.Contains(text, badgeBad) {
			t.Errorf("want a red badge with less than 100 %%, got %s", text)
		}
		for _, path := range []string{"/badge/nonsense.svg", "/badge/feed", "/badge/feed.png", "/badge/.svg"} {
			if status, text := s.get(path); status != http.StatusNotFound {
				t.Errorf("%s: want 404, got %d %s", path, status, text)
			}
		}
	})
}
