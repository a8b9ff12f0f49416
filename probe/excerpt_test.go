package probe

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestExcerptOfEveryShape(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"detail":"Not found."}`, "Not found."},
		{`{"detail":"Given token not valid","code":"token_not_valid","messages":[{"message":"expired"}]}`, "Given token not valid"},
		{`{"error":"invalid_grant","error_description":"…"}`, "invalid_grant"},
		{`{"error":{"message":"no credit left"},"code":"credit"}`, "no credit left"},
		{`{"code":"token_not_valid"}`, "token_not_valid"},
		{`{"message":"try later"}`, "try later"},
		{`{"url":["This field is required."],"name":["Too long."]}`, "name: Too long."},
		{`["first","second"]`, "first"},
		{`{"count":3}`, ""},
		{`null`, ""},
		{``, ""},
		{"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "502 Bad Gateway"},
		{"<div>\n <b>Sorry &amp; goodbye</b></div>", "Sorry & goodbye"},
		{"\n\n  upstream   timed out\nmore", "upstream timed out"},
		{`{"detail":"mail ada@example.org, token eyJhbGciOi.eyJzdWIi.c2ln"}`, "mail ***, token ***"},
		{`{"detail":"Bearer abc.def is bad"}`, "*** is bad"},
		{`{"detail":"a\u202eb\u0000c"}`, "abc"},
		{`{"detail":"` + strings.Repeat("ä", 400) + `"}`, strings.Repeat("ä", 299) + "…"},
	} {
		if got := (*secrets)(nil).excerpt([]byte(c.body)); got != c.want {
			t.Errorf("excerpt of %.60s: want %q, got %q", c.body, c.want, got)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	for _, seed := range []string{`{"detail":"x"}`, `{"error":{"a":["b"]}}`, "<title>x", "\xff\xfe", `[[[[[["deep"]]]]]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := (*secrets)(nil).excerpt(body)
		if utf8.RuneCountInString(got) > excerptLimit || !utf8.ValidString(got) {
			t.Errorf("too long or not UTF-8: %q", got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("control characters: %q", got)
		}
	})
}

func TestHideValues(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "a=1": "a=REDACTED", "a=1&b=&flag": "a=REDACTED&b=REDACTED&flag", "token=x=y": "token=REDACTED",
	} {
		if got := hideValues(query); got != want {
			t.Errorf("%q: want %q, got %q", query, want, got)
		}
	}
}
