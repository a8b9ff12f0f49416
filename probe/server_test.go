package probe

import (
	"net/url"
	"testing"
)

func TestServerOfHasAPortWithoutOneInTheURL(t *testing.T) {
	for raw, want := range map[string]server{
		"https://api.example.com/x?y=1":   {"https", "api.example.com", 443},
		"http://api.example.com":          {"http", "api.example.com", 80},
		"http://127.0.0.1:8080/x":         {"http", "127.0.0.1", 8080},
		"https://[2001:db8::1]/x":         {"https", "2001:db8::1", 443},
		"https://[2001:db8::1]:8443?x":    {"https", "2001:db8::1", 8443},
		"https://me:secret@api.example/x": {"https", "api.example", 443},
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := serverOf(u); got != want {
			t.Errorf("%s: want %v, got %v", raw, want, got)
		}
	}
}
