package probe

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
		if got := (*secrets)(nil).excerpt([]byte(c.body)); got != c.want {
			t.Errorf("excerpt of %.60s: want %q, got %q", c.body, c.want, got)
		}
	}
}

// FuzzExcerpt holds that an excerpt is fit to be shown, and that what looks like a secret, or is one of ours, is in none, whatever
// stands around it.
func FuzzExcerpt(f *testing.F) {
	for _, seed := range []string{"", "<title>x", "\xff\xfe", "token", "pAsswd=", "password=\"", `password=\"`, "Basic", "a\u200b", "\n", "&#", strings.Repeat("a ", 600)} {
		f.Add(seed, seed)
	}
	ours := &secrets{}
	ours.add("correct-horse")
	planted := map[string]string{ // and what of it must not be seen
		"correct-horse": "correct-horse", "ada@example.org": "ada", "jürgen.müller@bücher.de": "müller", "alice%40example.com": "alice", "alice＠example.com": "alice",
		"xoxb-12345-abcdef": "12345", "sk_live_51H8abcdefgh": "51H8", "Basic YWRhOmh1c2g=": "YWRh", "Bearer 9f8e7d6c": "9f8e7d6c", "token=hunter22": "hunter22",
		`{"password": "hunter22"}`: "hunter22", "eyJhbGciOi.eyJzdWIi.c2ln": "eyJ", "postgres://app:hunter22@db/app": "hunter22",
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		checkShown(t, ours.excerpt([]byte(before)))
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
				got := ours.excerpt([]byte(body))
				if strings.Contains(got, hidden) {
					t.Errorf("%q is in the excerpt %q of %q", hidden, got, body)
				}
				checkShown(t, got)
			}
		}
	})
}

// checkShown holds that a text is fit to be shown.
func checkShown(t *testing.T, text string) {
	t.Helper()
	if utf8.RuneCountInString(text) > excerptLimit || !utf8.ValidString(text) {
		t.Errorf("too long or not UTF-8: %q", text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		t.Errorf("control characters: %q", text)
	}
}

// TestMasks holds that a secret is masked however somebody writes it down, and that people's words are not.
func TestMasks(t *testing.T) {
	for _, text := range []string{
		`<QueryDict: {'username': ['alice'], 'password': ['hunter2x!']}>`, `{"password": ["hunter2x!"]}`, `{"password":["my hunter2x"]}`, `{"password":["hunter2`, `{'password': b'hunter2x9'}`, `{'password': u'hunter2x9'}`,
		`SECRET_KEY = 'django-hunter2x9'`, `{"secret_key":"hunter2x9"}`, `{"secretKey":"hunter2x9"}`, `token_value=hunter2x9`,
		`password:hunter2x9`, `token:hunter2x9`, `api-key:hunter2x9`, `Bearer:hunter2x9abc`,
		`%22password%22%3A%22hunter2x9%22`, `%22password%22%3A%20%22hunter2x9%22`, `token%3Ahunter2x9`, `password%20%3D%20hunter2x9`,
		`Bearer%20hunter2x9abc`, `Bearer+hunter2x9`, `password%253Dhunter2x9`,
		`{\\\"password\\\": \\\"hunter2x9\\\"}`, `&quot;password&quot;: &quot;my hunter2x9&quot;`, `"password"=>"hunter2x9"`, `<password>hunter2x9</password>`,
		`password=a,hunter2x9`, `password: "correct hunter2x9"`, `mysql://u:p@hunter2@host`,
		`jwt=hunter2x9`, `auth=hunter2x9`, `pass=hunter2x9`, `passcode=hunter2x9`, `sig=hunter2x9`, `Set-Cookie: session=hunter2x9; Path=/; id=hunter2x9`,
		`password = Bearer hunter2x9`, `password=token: hunter2x9`,
	} {
		if got := Tidy(text, 300); strings.Contains(got, "hunter2") || !strings.Contains(got, masked) {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
	for _, text := range []string{
		"Given token not valid for any token type", "password: too short", "This password is too common.", "token_not_valid", "Invalid token: expired",
		"session id missing", "compass: north", "bypass 12 checks", "the secret is out", "Bearer realm", "authorization required", "basic access only",
	} {
		if got := Tidy(text, 300); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestOurOwnSecretInEverySpelling(t *testing.T) {
	ours := &secrets{}
	ours.add(`pa"s's<x9`)
	for _, text := range []string{
		`bad key pa"s's<x9`, `bad key pa&quot;s&#x27;s&lt;x9`, `bad key pa&#34;s&#39;s&lt;x9`, `{\"key\": \"pa\"s's<x9\"}`, `pa%22s%27s%3Cx9`, `pa%2522s%2527s%253Cx9`,
	} {
		if got := ours.tidy(text, 300); strings.Contains(got, "x9") {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

// TestLongPathsAreNotMaskedToTheirEnd holds that the work a stranger's path makes is bounded: masking the whole of it took minutes.
func TestLongPathsAreNotMaskedToTheirEnd(t *testing.T) {
	var ours *secrets
	for _, step := range []string{"eyJa.", "sk-12345678.", "/a", "a@", "password="} {
		got := ours.tidyPath("/" + strings.Repeat(step, maxHeaderBytes/len(step)))
		if n := utf8.RuneCountInString(got); n > 500 {
			t.Errorf("%s: %d characters", step, n)
		}
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
