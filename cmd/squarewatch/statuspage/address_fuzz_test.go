package statuspage_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe/history"
)

// FuzzAddress asks for any address with any query, the form of an experiment included. The answer is a page whose foreign text stays text,
// or JSON, and its status is not a server error.
func FuzzAddress(f *testing.F) {
	s := snapshot(f, true, "feed", "collections")
	for _, seed := range []string{
		"/", "/index.json", "/?q=%22%3E%3Cscript%3E&state=bad&page=-1&show=all&last=7d", "/probe/feed?last=90d", "/probe/feed.json",
		"/run/01020000000000000000000000000000", "/incident/" + s.Firing[0].ID + ".json", "/incident/%e2%80%ae",
		"/incidents?page=99999999999999999999",
		"/incident?rule=server-errors&series=feed", "/on-call", "/static/page.js", "/static/../x",
		"/rules/server-errors?threshold=10%25&window=2m&min_runs=3&since=1h", "/rules/server-errors.json?threshold=1e999%25&since=24h",
	} {
		f.Add(seed, `W/"x"`)
	}
	h := serve(f, statuspage.Source{
		Snapshot: func(context.Context, time.Time) *statuspage.Snapshot { return s },
		History:  func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
		Backtest: func(context.Context, *alert.Rule, time.Duration) (statuspage.Backtest, error) {
			return statuspage.Backtest{Runs: 13, From: s.Started, Until: s.Now, Fired: []statuspage.Firing{{Series: "feed", At: s.Now}}}, nil
		},
	})
	f.Fuzz(func(t *testing.T, address, tag string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil || !strings.HasPrefix(r.URL.Path, "/") || r.URL.Path == "/events" {
			return
		}
		r.RequestURI = r.URL.RequestURI()
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		checkPage(t, address, w)
	})
}

// checkPage checks an answer of any address.
func checkPage(t *testing.T, address string, w *httptest.ResponseRecorder) {
	t.Helper()
	if strings.ContainsAny(w.Body.String(), "\u202e\x00\x1b") {
		t.Errorf("%q lets foreign text change the writing direction or control a terminal", address)
	}
	switch kind := w.Header().Get("Content-Type"); {
	case w.Code >= http.StatusInternalServerError:
		t.Errorf("%q is answered with %d: %s", address, w.Code, w.Body)
	case w.Code/100 == 3:
	case kind == "application/json" && !json.Valid(w.Body.Bytes()):
		t.Errorf("%q is answered with something other than JSON: %.300s", address, w.Body)
	case strings.HasPrefix(kind, "text/html"):
		valid(t, w.Body.Bytes())
	}
}
