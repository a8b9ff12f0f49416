package statuspage_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe/history"
)

// listen opens the events of a server and returns their names; last is the identifier of the last event that was seen.
func listen(t *testing.T, address, last string) (next func() (event, id string), end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", last)
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		return func() (string, string) { return resp.Status, "" }, cancel
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (event, id string) {
		for lines.Scan() && lines.Text() != "" {
			if name, found := strings.CutPrefix(lines.Text(), "event: "); found {
				event = name
			}
			if name, found := strings.CutPrefix(lines.Text(), "id: "); found {
				id = name
			}
		}
		return event, id
	}, cancel
}

// live returns a running server whose runs are in the strips.
func live(t *testing.T) (address string, strips *statuspage.Strips) {
	t.Helper()
	s := snapshot(t, false, "feed")
	strips = statuspage.NewStrips()
	page, err := statuspage.New(statuspage.Source{
		Snapshot: func(_ context.Context, now time.Time) *statuspage.Snapshot {
			shown := *s
			shown.Now = now
			return &shown
		},
		History: func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
	}, strips)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { page.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return h.URL, strips
}

func TestViewersReceiveChanges(t *testing.T) {
	address, strips := live(t)
	next, _ := listen(t, address, "")
	if event, _ := next(); event != "beat" {
		t.Fatalf("the first event is %q, want beat", event)
	}
	if event, _ := next(); event != "urgent" { // what fires is compared for the first time
		t.Fatalf("the second event is %q, want urgent", event)
	}
	strips.Finished(run("feed", 130, http.StatusOK))
	event, id := next()
	if event != "runs" {
		t.Fatalf("after a run comes %q, want runs", event)
	}
	resumed, _ := listen(t, address, id)
	if event, _ := resumed(); event != "beat" {
		t.Errorf("a viewer that missed nothing receives %q, want beat", event)
	}
	stranger, _ := listen(t, address, "1-1")
	if event, _ := stranger(); event != "urgent" {
		t.Errorf("a viewer of an earlier process receives %q, want urgent", event)
	}
}

func TestViewersAreLimited(t *testing.T) {
	address, _ := live(t)
	var end func()
	for range 50 {
		var next func() (string, string)
		next, end = listen(t, address, "")
		if event, _ := next(); event != "beat" {
			t.Fatalf("got %q, want beat", event)
		}
	}
	if next, _ := listen(t, address, ""); true {
		if status, _ := next(); !strings.HasPrefix(status, "503") {
			t.Errorf("the 51st viewer gets %q, want 503", status)
		}
	}
	end()
}
