package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
)

// noting is a notifier that records announcements and notes.
type noting struct {
	announcing

	notes []string
}

func (c *noting) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	_, err := c.announcing.Deliver(ctx, n)
	return "thread", err
}

func (c *noting) AddNote(_ context.Context, ref string, note outbox.Note) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, ref+" "+note.By+": "+note.Text)
	return nil
}

func (c *noting) taken() (said, notes string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.said, "\n"), strings.Join(c.notes, "\n")
}

// newNotingScene starts a daemon in which the probe feed fires, and returns the incident.
func newNotingScene(t *testing.T) (*scene, *noting, string) {
	t.Helper()
	c := &noting{}
	file := opsFile(t)
	s := newSceneWith(t, file, func(o *Options) {
		all := kinds()
		all.Notifiers = []config.Kind[outbox.Notifier]{
			config.NewKind("slack", slack.Settings{}, func(slack.Settings, *config.Config) (outbox.Notifier, error) { return c, nil }),
		}
		o.Load = func() (*config.Config, error) {
			return config.Parse("scene.yaml", []byte(file), config.Options{Kinds: all})
		}
	})
	s.after(2 * time.Minute)
	s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
	s.after(2 * time.Minute)
	synctest.Wait()
	incidents := s.daemon.evaluator.Incidents()
	if len(incidents) != 1 {
		t.Fatalf("want one incident, got %+v", incidents)
	}
	return s, c, incidents[0].ID
}

func TestAPersonPressesTheButtonsOfThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, id := newNotingScene(t)
		defer s.stop()
		press := func(what, fields string) string {
			t.Helper()
			got, err := s.post("/api/v1/incidents/"+what, `{"incident": "`+id+`", "by": "ada"`+fields+`}`)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			return got
		}
		press("acknowledge", "")
		press("note", `, "text": "asked AISquare"`)
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if got := press("silence", ""); !strings.Contains(got, `"until":"`+until) {
			t.Errorf("want an hour, until %s, got %s", until, got)
		}
		s.after(10 * time.Second)
		synctest.Wait()
		said, notes := c.taken()
		const by = "tester, on behalf of ada"
		if !strings.HasPrefix(said, by+" silenced rule server-errors of series feed until ") || strings.Contains(said, "\n") {
			t.Errorf("want the silence announced once, got %q", said)
		}
		if notes != "thread "+by+": asked AISquare" {
			t.Errorf("want the note in the thread, got %q", notes)
		}
		if a := s.daemon.evaluator.Incidents()[0].Acknowledged; a == nil || a.By != by {
			t.Errorf("want it acknowledged, got %+v", a)
		}
		kept, err := s.daemon.state.store().Notes(t.Context(), id)
		if err != nil || len(kept) != 1 || kept[0].Text != "asked AISquare" {
			t.Errorf("want the note stored, got %v, %v", kept, err)
		}
		for _, line := range []string{"an incident was acknowledged", "a note was added", "a silence was added"} {
			if !strings.Contains(s.log.String(), `msg="`+line+`" by="`+by+`"`) {
				t.Errorf("want %q in the log, got %s", line, s.log)
			}
		}
	})
}

func TestActionsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, id := newNotingScene(t)
		defer s.stop()
		for _, test := range [][3]string{
			{"acknowledge", `{"incident": "nonsense"}`, "no incident with this identifier fires"},
			{"silence", `{"incident": "nonsense"}`, "no incident with this identifier fires"},
			{"note", `{"incident": "nonsense", "text": "a"}`, "no incident with this identifier is stored"},
			{"note", `{"incident": "` + id + `", "text": ""}`, "1 to 500 printable characters"},
			{"note", `{"incident": "` + id + `", "text": "` + strings.Repeat("x", 501) + `"}`, "1 to 500 printable characters"},
			{"note", `{"incident": "` + id + `", "text": "\u001b]0;PWN\u0007"}`, "does not print"},
			{"note", `{"incident": "` + id + `", "text": "a", "by": "\u202e"}`, "does not print"},
			{"note", `{"incident": "` + id + `", "txt": "a"}`, "unknown field"},
			{"silence", `{"incident": "` + id + `", "for": "25h"}`, "at most 24h"},
			{"silence", `{"incident": "` + id + `", "for": "-1h"}`, "at most 24h"},
			{"silence", `{}`, "names no incident"},
			{"silence", ``, "names no incident"},
		} {
			if _, err := s.post("/api/v1/incidents/"+test[0], test[1]); err == nil || !strings.Contains(err.Error(), test[2]) {
				t.Errorf("%s %s: want %s, got %v", test[0], test[1], test[2], err)
			}
		}
		synctest.Wait()
		if said, notes := c.taken(); said+notes != "" || len(s.daemon.silences.List()) != 0 {
			t.Errorf("want nothing done, got %q and %q", said, notes)
		}
	})
}

// form posts a form as a browser does, without following a redirect.
func (l *live) form(path string, fields url.Values, header http.Header) formAnswer {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.url+path, strings.NewReader(fields.Encode()))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	client := overPort()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = response.Body.Close()
	return formAnswer{StatusCode: response.StatusCode, Header: response.Header, cookies: response.Cookies()}
}

// formAnswer is an answer without its body.
type formAnswer struct {
	StatusCode int
	Header     http.Header

	cookies []*http.Cookie
}

func (a *formAnswer) Cookies() []*http.Cookie { return a.cookies }

func TestABrowserLogsIn(t *testing.T) {
	l := newLive(t)
	press := func(cookie *http.Cookie, header http.Header) formAnswer {
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		if cookie != nil {
			header.Set("Cookie", cookie.String())
		}
		return l.form("/api/v1/incidents/note", url.Values{"incident": {"none"}, "text": {"a"}}, header)
	}
	if got := press(nil, nil); got.StatusCode != http.StatusForbidden {
		t.Errorf("without a login: want it refused, got %d", got.StatusCode)
	}
	if got := l.form("/login", url.Values{"token": {"wrong"}}, nil); got.StatusCode != http.StatusForbidden || len(got.Cookies()) > 0 {
		t.Errorf("a wrong token: want it refused, got %d and %v", got.StatusCode, got.Cookies())
	}
	if got := l.form("/login", url.Values{"token": {"top-secret"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}); len(got.Cookies()) > 0 {
		t.Errorf("a form of another site: want it refused, got %v", got.Cookies())
	}
	in := l.form("/login", url.Values{"token": {"top-secret"}, "name": {"ada\x1b"}, "return": {"/incident/a/b"}},
		http.Header{"X-Forwarded-Proto": {"https"}})
	if len(in.Cookies()) != 1 || in.StatusCode != http.StatusSeeOther || in.Header.Get("Location") != "/incident/a/b" {
		t.Fatalf("want a cookie and the page, got %d, %v", in.StatusCode, in.Header)
	}
	cookie := in.Cookies()[0]
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || strings.Contains(cookie.Value, "top-secret") {
		t.Errorf("want a cookie for this site alone, got %v", cookie)
	}
	if got := press(cookie, nil); got.StatusCode != http.StatusNotFound { // the person is known, and the incident is not
		t.Errorf("after the login: want the request accepted, got %d", got.StatusCode)
	}
	if got := press(cookie, http.Header{"Sec-Fetch-Site": {"cross-site"}}); got.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site with the cookie: want it refused, got %d", got.StatusCode)
	}
	forged := *cookie
	forged.Value = session{Name: "boss", Ends: time.Now().Add(time.Hour).Unix()}.seal("guess")
	if got := press(&forged, nil); got.StatusCode != http.StatusForbidden {
		t.Errorf("a forged cookie: want it refused, got %d", got.StatusCode)
	}
	if log := l.log.String(); !strings.Contains(log, `by="a holder of web.token, on behalf of ada"`) || strings.Contains(log, "top-secret") {
		t.Errorf("want the name of the person in the log, and no token, got %s", log)
	}
	if out := l.form("/logout", nil, http.Header{"Cookie": {cookie.String()}}); len(out.Cookies()) != 1 || out.Cookies()[0].MaxAge >= 0 {
		t.Errorf("want the cookie removed, got %v", out.Cookies())
	}
}

func TestWrongTokensAreLimited(t *testing.T) {
	l := newLive(t)
	for range maxWrongTokens {
		l.form("/login", url.Values{"token": {"wrong"}}, nil)
	}
	if got := l.form("/login", url.Values{"token": {"top-secret"}}, nil); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("want no more guesses, got %d", got.StatusCode)
	}
}

func TestAProxyLeadsToTheLogin(t *testing.T) {
	l := newLive(t)
	client := overPort()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/incident/a?x=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Accept": {"text/html"}}
	got, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if want := "/login?return=%2Fincident%2Fa%3Fx%3D1"; got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
		t.Errorf("want %s, got %d %s", want, got.StatusCode, got.Header.Get("Location"))
	}
	forwarded := http.Header{"X-Forwarded-For": {"192.0.2.1"}}
	if status, page := l.request(client, http.MethodGet, "/login?return=//evil.example", "", forwarded); status != http.StatusOK ||
		strings.Contains(page, "evil") {
		t.Errorf("want the form without a foreign address, got %d %s", status, page)
	}
}

func FuzzSession(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	f.Add(session{Name: "ada", Ends: now.Unix() + 60}.seal("token"))
	f.Add(session{Name: "ada", Ends: now.Unix() - 60}.seal("token"))
	f.Add("e30.x")
	f.Fuzz(func(t *testing.T, value string) {
		s, ok := openSession(value, "token", now)
		if ok && (s.Ends <= now.Unix() || !strings.HasSuffix(value, signature("token", value[:strings.IndexByte(value, '.')]))) {
			t.Errorf("%q opened as %+v", value, s)
		}
		if _, ok := openSession(value, "", now); ok {
			t.Errorf("%q opened without a token", value)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{
		"/a", "//evil.example", `/\evil.example`, "https://evil.example", "/a\r\nSet-Cookie: x", "../b", "javascript:x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, to string) {
		base, _ := url.Parse("https://watch.example.org/squarewatch/login")
		u, err := base.Parse(localPath(to))
		if err != nil || u.Host != "watch.example.org" || u.Scheme != "https" || strings.ContainsAny(localPath(to), "\\\r\n\t") {
			t.Errorf("%q leads to %v, %v", to, u, err)
		}
	})
}

// TestThePageShowsAChangeAtOnce opens the page of an incident before and after each change, with no time between.
func TestThePageShowsAChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, id := newNotingScene(t)
		defer s.stop()
		for _, test := range [][3]string{
			{"note", `, "text": "asked AISquare"`, "asked AISquare"}, {"acknowledge", "", "Acknowledged"}, {"silence", "", "Silenced"},
		} {
			if _, page := s.get("/incident/" + id); strings.Contains(page, test[2]+"<") {
				t.Errorf("%s is on the page before", test[2])
			}
			if got, err := s.post("/api/v1/incidents/"+test[0], `{"incident": "`+id+`", "by": "ada"`+test[1]+`}`); err != nil {
				t.Fatalf("%s: %s, %v", test[0], got, err)
			}
			if _, page := s.get("/incident/" + id); !strings.Contains(page, test[2]) {
				t.Errorf("want %s on the page, got %s", test[2], page)
			}
		}
	})
}
