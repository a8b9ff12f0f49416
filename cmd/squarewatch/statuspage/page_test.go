package statuspage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"squarewatch/alert"
	"squarewatch/alert/alerttest"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config/golden"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

var update = flag.Bool("update", false, "rewrite golden files")

// hostile is text that breaks a page which does not escape it.
const hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e`${7*7}`javascript:alert(1)"

// run is a run that took 100 ms.
func run(name string, second, code int) *probe.Result {
	r := alerttest.Result(name, alerttest.Second(second), code)
	r.Credential, r.Trace = "partner", probe.TraceID{1, byte(second), byte(second >> 8)}
	r.Start = r.End.Add(-100 * time.Millisecond)
	r.Attempts = []probe.Attempt{{Cause: probe.CauseFirst, Start: r.Start, End: r.End}}
	if !r.Expected {
		r.Blame, r.Excerpt = probe.BlameAPI, "OperationalError: too many connections"
		r.Evidence = []probe.Evidence{{For: probe.BlameAPI, Text: "5 of its last 5 server errors came from the API itself", At: r.End}}
	}
	return r
}

// snapshot is what a daemon knows after 120 seconds, in which feed answers 500 from second 60 on when bad is set.
func snapshot(tb testing.TB, bad bool, names ...string) *statuspage.Snapshot {
	tb.Helper()
	rules := alert.DefaultRules()
	var probes []probe.Probe
	for _, name := range names {
		p := probe.Probe{Name: name, Path: "/api/v1/" + name + "/?page=1", Credential: "partner", Schedule: probe.MustSchedule("@every 10s")}
		probe.DefaultDefaults().Apply(&p)
		probes = append(probes, p)
	}
	engine := alerttest.Engine(tb, alert.EngineOptions{Rules: rules, Probes: probes})
	strips := statuspage.NewStrips()
	for second := 0; second <= 120; second += 10 {
		for _, name := range names {
			code := http.StatusOK
			if bad && name == "feed" && second >= 60 {
				code = http.StatusInternalServerError
			}
			r := run(name, second, code)
			strips.Finished(r)
			engine.Observe(r)
		}
	}
	s := &statuspage.Snapshot{
		Now: alerttest.Second(124), Started: alerttest.Second(-60), Target: "api.aisquare.studio", URL: "https://api.aisquare.studio",
		Version: "v1.4.0", Rules: rules, Series: engine.Snapshot(alerttest.Second(124)), Firing: engine.Incidents(), Kept: true,
		Credentials: []statuspage.Credential{{Name: "partner", Validity: probe.Validity{Ends: alerttest.Second(3*24*3600 + 200)}}},
		Traces:      statuspage.TraceFate{State: "sent"},
		Loaded:      alerttest.Second(-60), File: "3f9a1b2c4d5e", Notifiers: []outbox.Backlog{{Notifier: "ops", Delivered: alerttest.Second(63)}},
	}
	s.Probes = strips.Of(probes)
	return s
}

// server serves a snapshot.
func server(tb testing.TB, s *statuspage.Snapshot) http.Handler {
	tb.Helper()
	return serverOf(tb, func() *statuspage.Snapshot { return s })
}

// serverOf serves the snapshots of a function.
func serverOf(tb testing.TB, snapshot func() *statuspage.Snapshot) http.Handler {
	tb.Helper()
	page, err := statuspage.New(statuspage.Source{
		Snapshot: func(context.Context, time.Time) *statuspage.Snapshot { return snapshot() },
		History:  func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
	}, statuspage.NewStrips())
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	return mux
}

func get(tb testing.TB, h http.Handler, address string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody))
	return w
}

// packed gets a page as a browser does.
func packed(tb testing.TB, h http.Handler, address string) *httptest.ResponseRecorder {
	tb.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	r.Header.Set("Accept-Encoding", "gzip, deflate, br")
	h.ServeHTTP(w, r)
	return w
}

func TestPagesMatchTheGoldenFiles(t *testing.T) {
	good, bad := snapshot(t, false, "feed", "collections"), snapshot(t, true, "feed", "collections")
	late := snapshot(t, false, "feed", "collections")
	late.Now = late.Now.Add(time.Minute)
	late.Faults = []string{"delivery: ops: messages have waited 6m0s"}
	located := snapshot(t, false, "feed", "collections")
	located.Location = "fra"
	for name, c := range map[string]struct {
		s       *statuspage.Snapshot
		address string
	}{
		"home-good": {good, "/"}, "home-bad": {bad, "/"}, "home-states": {states(t), "/"}, "home-late": {late, "/"},
		"home-location": {located, "/"},
		"probe":         {bad, "/probe/feed"},
		"incident":      {bad, "/incident/" + bad.Firing[0].ID}, "rule": {bad, "/rules/server-errors"}, "missing": {bad, "/probe/other"},
	} {
		t.Run(name, func(t *testing.T) {
			h := server(t, c.s)
			got := get(t, h, c.address)
			valid(t, got.Body.Bytes())
			golden.Check(t, "testdata/"+name+".html", unstyled(t, got.Body.String()), *update)
			address := c.address + ".json"
			if c.address == "/" {
				address = "/index.json"
			}
			var out bytes.Buffer
			if err := json.Indent(&out, get(t, h, address).Body.Bytes(), "", " "); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", out.String()+"\n", *update)
		})
	}
}

// unstyled returns a page without its style sheet. In a golden file, the style sheet would hide changes of the page.
func unstyled(t *testing.T, page string) string {
	t.Helper()
	before, rest, opened := strings.Cut(page, "<style>")
	_, after, closed := strings.Cut(rest, "</style>")
	if !opened || !closed {
		t.Error("the page has no style")
	}
	return before + "<style></style>" + after
}

// valid fails the test unless a page has what accessibility and its own script rely on.
func valid(t *testing.T, page []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	seen, ids := map[string]int{}, map[string]bool{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace == "" { // a drawing has titles of its own
			seen[n.Data]++
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("the id %q is used twice", a.Val)
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s> has the attribute %s, which the policy forbids", n.Data, a.Key)
			case (a.Key == "href" || a.Key == "src") && strings.Contains(a.Val, ":") && !strings.HasPrefix(a.Val, "https://"):
				t.Errorf("<%s> leads to %q", n.Data, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
		if n.Data == "script" && n.FirstChild != nil {
			t.Error("there is an inline script")
		}
	}
	for name, want := range map[string]int{"h1": 1, "main": 1, "header": 1, "footer": 1, "title": 1, "script": 2, "style": 1} {
		if seen[name] != want {
			t.Errorf("there are %d <%s>, want %d", seen[name], name, want)
		}
	}
	if seen["img"]+seen["iframe"] > 0 {
		t.Errorf("foreign text became elements: %v", seen)
	}
}

func TestThePolicyAllowsTheStyleOfAPage(t *testing.T) {
	w := get(t, server(t, snapshot(t, false, "feed")), "/")
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
	if got := w.Header().Get("Content-Security-Policy"); len(style) == 0 || !strings.Contains(got, want) {
		t.Errorf("want %s in %s", want, got)
	}
}

func TestHostileTextStaysText(t *testing.T) {
	s := snapshot(t, true, "feed")
	i := &s.Firing[0]
	i.Examples[0].Excerpt, i.Examples[0].Reason, i.Runbook, i.EndReason = hostile, hostile, hostile, hostile
	i.Evidence = []probe.Evidence{{For: probe.BlameAPI, Text: hostile}}
	i.Acknowledged = &alert.Acknowledgement{By: hostile, At: i.Fired}
	i.Affected, s.Target, s.Differs, s.Faults, s.Support = []string{hostile}, hostile, hostile, []string{hostile}, hostile
	s.Probes[0].Settings.Labels = map[string]string{hostile: hostile}
	s.Probes[0].Recent.Last.Excerpt, s.Probes[0].Recent.Last.Reason = hostile, hostile
	s.Notifiers[0].Pending, s.Notifiers[0].LastError = 1, hostile
	h := server(t, s)
	for _, address := range []string{
		"/", "/?q=" + strings.ReplaceAll(`"><script>`, `"`, "%22"), "/probe/feed", "/incident/" + i.ID, "/rules/server-errors",
		"/rules/server-errors?threshold=%22%3E%3Cscript%3E",
	} {
		w := get(t, h, address)
		if w.Code != http.StatusOK {
			t.Errorf("%s answers %d", address, w.Code)
		}
		valid(t, w.Body.Bytes())
		if strings.Contains(w.Body.String(), "\u202e") {
			t.Errorf("%s lets foreign text change the writing direction", address)
		}
	}
}

func TestAPageOfASilencedProbeHasAnIcon(t *testing.T) {
	s := snapshot(t, true, "feed")
	for i := range s.Series {
		s.Series[i].SilencedUntil = s.Now.Add(time.Hour)
	}
	if page := get(t, server(t, s), "/probe/feed").Body.String(); !strings.Contains(page, `href="../static/unknown.svg"`) {
		t.Errorf("want the icon of an unknown state, got %s", page[:strings.Index(page, "<body")])
	}
}

func TestMarkdownShowsHostileTextAsItIs(t *testing.T) {
	s := snapshot(t, true, "feed")
	i := &s.Firing[0]
	i.Examples[0].Reason = "[click](https://example.org) <img src=x> ![](x) `a` | b"
	text := statuspage.NewIncidentPage(s, i, statuspage.Records{}).Markdown()
	if want := "\\[click\\](https://example.org) \\<img src=x> !\\[\\](x) \\`a\\` \\| b"; !strings.Contains(text, want) {
		t.Errorf("want %s in %s", want, text)
	}
}

func TestTheBadProbeIsFirstAmongMany(t *testing.T) {
	names := []string{}
	for i := range 1000 {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	s := snapshot(t, true, append(names, "feed")...)
	home := statuspage.NewHome(s, statuspage.Filter{})
	if len(home.Rows) != 1 || home.Rows[0].Probe != "feed" || home.Counts.Healthy != 1000 || !home.Folded || len(home.Healthy) != 0 {
		t.Errorf("got %d rows, %d of %d healthy, folded %t", len(home.Rows), len(home.Healthy), home.Counts.Healthy, home.Folded)
	}
	if all := statuspage.NewHome(s, statuspage.Filter{All: true}); len(all.Healthy) != 200 || all.Pages != 5 {
		t.Errorf("got %d healthy on one of %d pages, want 200 on one of 5", len(all.Healthy), all.Pages)
	}
	if found := statuspage.NewHome(s, statuspage.Filter{Query: "P999"}); len(found.Healthy) != 1 || len(found.Rows) != 0 {
		t.Errorf("the filter finds %d and %d probes, want 1 and 0", len(found.Healthy), len(found.Rows))
	}
}

func TestTheHomePageSaysThatTheDaemonStarts(t *testing.T) {
	s := snapshot(t, false, "feed")
	s.Probes[0].Recent, s.Started = statuspage.Recent{}, s.Now.Add(-10*time.Second)
	got := statuspage.NewHome(s, statuspage.Filter{})
	if !strings.HasPrefix(got.Headline, "squarewatch is starting") || got.State != "unknown" {
		t.Errorf("after 10 s: got %s, %s", got.State, got.Headline)
	}
	s.Started = s.Now.Add(-time.Hour)
	if got := statuspage.NewHome(s, statuspage.Filter{}); got.Headline != "No run has finished yet." {
		t.Errorf("after an hour: got %s", got.Headline)
	}
}

func TestTheListLeavesOutWhatJoinedAnotherIncident(t *testing.T) {
	s := snapshot(t, true, "feed")
	led := s.Firing[0]
	led.ID, led.Series, led.Leader = "b2", "collections", s.Firing[0].ID
	over := led
	over.ID, over.Resolved = "c3", led.Fired.Add(time.Minute)
	s.Firing, s.Ended = append(s.Firing, led), append(s.Ended, over)
	if list := statuspage.NewHome(s, statuspage.Filter{}).Incidents; len(list) != 1 || list[0].ID != s.Firing[0].ID {
		t.Errorf("want the incident that the others joined, got %+v", list)
	}
}
