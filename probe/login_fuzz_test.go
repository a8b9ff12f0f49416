package probe

import (
	"testing"
	"time"
)

func FuzzNewToken(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.x", "eyJhbGciOiJub25lIn0.eyJleHAiOiJub3cifQ."} {
		f.Add(seed)
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, raw string) {
		if got := newToken(raw, now, time.Hour); got.lifetime <= 0 || !got.expiry.After(now) {
			t.Errorf("want a lifetime above zero and an expiry in the future, got %v and %v", got.lifetime, got.expiry)
		}
	})
}

func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{`{"access":"a","refresh":"b"}`, `{"access":1}`, `{}`, `[`, `{"access":"a\nb"}`} {
		f.Add([]byte(seed))
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, answer []byte) {
		access, _, ok := parseTokens(answer, now)
		if ok && access.value.IsZero() {
			t.Errorf("%q was accepted without an access token", answer)
		}
	})
}
