package statuspage_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/history"
)

func TestPagesAreSmall(t *testing.T) {
	h := server(t, many(t, true, 1000))
	for address, limit := range map[string]int{"/": 10_000, "/?show=all": 60_000} {
		if got := packed(t, h, address).Body.Len(); got > limit {
			t.Errorf("%s has %d bytes, want at most %d", address, got, limit)
		}
	}
	if got := packed(t, h, "/static/page.js").Body.Len() + packed(t, h, "/static/press.js").Body.Len(); got > 10_000 {
		t.Errorf("the scripts have %d bytes, want at most 10000", got)
	}
	if got := packed(t, h, "/probe/nothing").Body.Len(); got > 10_000 {
		t.Errorf("a page without content, and with the style, has %d bytes, want at most 10000", got)
	}
}

func TestAPageIsMadeOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a snapshot is made each second
		s := snapshot(t, true, "feed")
		s.Now = time.Now()
		snapshots := 0
		h := serverOf(t, func() *statuspage.Snapshot {
			snapshots++
			return s
		})
		first := get(t, h, "/").Body.String()
		s.Target = "other.example"
		var viewers sync.WaitGroup
		for range 20 {
			viewers.Go(func() {
				w := packed(t, h, "/")
				text, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Error(err)
					return
				}
				if body, err := io.ReadAll(text); err != nil || string(body) != first {
					t.Errorf("want the page that the first viewer got, got %d bytes, %v", len(body), err)
				}
			})
		}
		viewers.Wait()
		if snapshots != 1 {
			t.Errorf("%d snapshots were made, want 1", snapshots)
		}
	})
}

func TestRequestsThatWaitForASlowSnapshotShareOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, snapshots := snapshot(t, false, "feed"), 0
		h := serverOf(t, func() *statuspage.Snapshot {
			snapshots++
			shown := *s
			shown.Now = time.Now()
			<-time.After(2 * time.Second)
			return &shown
		})
		var viewers sync.WaitGroup
		for range 20 {
			viewers.Go(func() { get(t, h, "/") })
		}
		viewers.Wait()
		if snapshots != 2 { // the second for those that asked while the first was made
			t.Errorf("%d snapshots were made, want 2", snapshots)
		}
	})
}

func TestACompressedPageIsSentOnRequest(t *testing.T) {
	h := server(t, snapshot(t, false, "feed"))
	for accepted, want := range map[string]string{
		"": "", "br": "", "gzip": "gzip", "deflate, GZIP;q=0.5": "gzip", "gzip;q=0, br": "", "gzip; q=nonsense": "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Encoding", accepted)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: got the encoding %q and Vary %q, want %q", accepted, got, w.Header().Get("Vary"), want)
		}
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	h := server(t, snapshot(t, false, "feed"))
	first := get(t, h, "/")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("If-None-Match", first.Header().Get("ETag"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("want 304 without a body, got %d with %d bytes", w.Code, w.Body.Len())
	}
}

// asker serves a handler over connections in memory. ask sends a request and returns the status and the body, which the caller closes. end
// stops the server.
func asker(t *testing.T, h http.Handler) (ask func(path string) (int, io.ReadCloser), end func()) {
	t.Helper()
	listener, server := aisquaretest.NewPipeListener(), &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	client := &http.Client{Transport: &http.Transport{DialContext: listener.Dial, DisableKeepAlives: true}, Timeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	ask = func(path string) (int, io.ReadCloser) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Body
	}
	return ask, func() {
		_ = server.Close()
		serving.Wait()
	}
}

func TestNoRequestWaitsForASnapshotWhileAViewerListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, busy := snapshot(t, false, "feed"), make(chan struct{})
		var made atomic.Int32
		page, err := statuspage.New(statuspage.Source{
			Snapshot: func(_ context.Context, now time.Time) *statuspage.Snapshot {
				if made.Add(1) > 1 {
					<-busy
				}
				shown := *s
				shown.Now = now
				return &shown
			},
			History: func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
		}, statuspage.NewStrips())
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		page.Register(mux)
		ask, end := asker(t, mux)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { page.Run(ctx) })
		_, events := ask("/events")
		<-time.After(2500 * time.Millisecond) // the second snapshot is being made
		status, home := ask("/")
		if _, err := io.Copy(io.Discard, home); err != nil || status != http.StatusOK || made.Load() != 2 {
			t.Errorf("want the first snapshot while the second is made, got %d, %d snapshots, %v", status, made.Load(), err)
		}
		close(busy)
		cancel()
		_, _ = home.Close(), events.Close()
		end()
		running.Wait()
	})
}
