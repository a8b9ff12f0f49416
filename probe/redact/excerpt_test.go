package redact

import (
	"encoding/json"
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
		{`{"detail":"Bearer abc.def is bad"}`, "Bearer *** is bad"},
		{`{"detail":"a\u202eb\u0000c"}`, "abc"},
		{`{"detail":"` + strings.Repeat("ä", 400) + `"}`, strings.Repeat("ä", 299) + "…"},
	} {
		if got := (*Secrets)(nil).Excerpt([]byte(c.body)); got != c.want {
			t.Errorf("excerpt of %.60s: want %q, got %q", c.body, c.want, got)
		}
	}
}

// FuzzExcerpt checks that an excerpt can be shown, and that it contains no known secret and nothing that looks like one,
// whatever text surrounds it.
func FuzzExcerpt(f *testing.F) {
	for _, seed := range []string{
		"", "<title>x", "\xff\xfe", "token", "pAsswd=", "password=\"", `password=\"`, "Basic", "a\u200b", "\n", "&#",
		strings.Repeat("a ", 600),
	} {
		f.Add(seed, seed)
	}
	ours := New()
	ours.Add("correct-horse")
	planted := map[string]string{ // text, and the part of it that must not be shown
		"correct-horse": "correct-horse", "ada@example.org": "ada", "jürgen.müller@bücher.de": "müller", "alice%40example.com": "alice",
		"alice＠example.com": "alice",
		"xoxb-12345-abcdef": "12345", "sk_live_51H8abcdefgh": "51H8", "Basic YWRhOmh1c2g=": "YWRh", "Bearer 9f8e7d6c": "9f8e7d6c",
		"token=hunter22":           "hunter22",
		`{"password": "hunter22"}`: "hunter22", "eyJhbGciOi.eyJzdWIi.c2ln": "eyJ", "postgres://app:hunter22@db/app": "hunter22",
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		checkShown(t, ours.Excerpt([]byte(before)))
		for text, hidden := range planted {
			if strings.Contains(before+after, hidden) {
				continue
			}
			whole := before + " " + text + " " + after
			asJSON, err := json.Marshal(map[string]string{"detail": whole})
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{string(asJSON), whole} {
				got := ours.Excerpt([]byte(body))
				if strings.Contains(got, hidden) {
					t.Errorf("%q is in the excerpt %q of %q", hidden, got, body)
				}
				checkShown(t, got)
			}
		}
	})
}

// checkShown checks that a text can be shown.
func checkShown(t *testing.T, text string) {
	t.Helper()
	if utf8.RuneCountInString(text) > excerptLimit || !utf8.ValidString(text) {
		t.Errorf("too long or not UTF-8: %q", text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		t.Errorf("control characters: %q", text)
	}
}

// TestMaskingOfALongPathIsLimited checks that the work for a foreign path is limited. Masking all of it took minutes.
func TestMaskingOfALongPathIsLimited(t *testing.T) {
	var ours *Secrets
	segment := "/" + strings.Repeat("aB3", 33) // 100 characters that look like a token
	got := ours.path(strings.Repeat(segment, (256<<10)/len(segment)))
	if want := strings.Repeat("/"+masked, 19); got != want { // the first 2,000 characters, without the segment that was cut
		t.Errorf("want %s, got %s", want, got)
	}
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
