package setting_test

import (
	"net/url"
	"strings"
	"testing"

	"squarewatch/config/setting"
)

func TestSite(t *testing.T) {
	for site, want := range map[setting.Site]string{
		"https://watch.example.org":     "https://watch.example.org/incident/a/b%3F",
		"https://watch.example.org/":    "https://watch.example.org/incident/a/b%3F",
		"http://10.0.0.1:9477/team/sw/": "http://10.0.0.1:9477/team/sw/incident/a/b%3F",
		"":                              "",
	} {
		if err := site.Validate(); err != nil {
			t.Errorf("%q: %v", site, err)
		}
		if got := site.Incident("a/b?"); got != want {
			t.Errorf("%q: want %q, got %q", site, want, got)
		}
	}
	if got := setting.Site("https://w.example").Run("0af7"); got != "https://w.example/run/0af7" {
		t.Errorf("got %q", got)
	}
	if got := setting.Site("https://w.example/sw/").OnCall("api"); got != "https://w.example/sw/on-call#api" {
		t.Errorf("got %q", got)
	}
	if got := setting.Site("").OnCall("api"); got != "" {
		t.Errorf("want no address without a site, got %q", got)
	}
	if got := setting.Site("https://w.example").Incident(""); got != "" {
		t.Errorf("want no address without an identifier, got %q", got)
	}
}

func TestInvalidSites(t *testing.T) {
	for _, site := range []setting.Site{
		"watch.example.org", "/squarewatch", "ftp://watch.example.org", "https://", "https://ada:hush@w.example", "https://w.example/?a=b",
		"https://w.example/?", "https://w.example/#top", "javascript:alert(1)", "https://w.example/\x00", "mailto:a@w.example",
	} {
		if err := site.Validate(); err == nil {
			t.Errorf("%q: want it refused", site)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func FuzzSite(f *testing.F) {
	f.Add("https://watch.example.org/a", "x")
	f.Fuzz(func(t *testing.T, text, id string) {
		site := setting.Site(text)
		if site == "" || id == "" || site.Validate() != nil {
			return
		}
		address := site.Incident(id)
		if u, err := url.Parse(address); err != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasSuffix(u.Path, "/incident/"+id) {
			t.Errorf("%q and %q make %q", text, id, address)
		}
	})
}
