package probe

import (
	"testing"
	"time"
)

// FuzzTokens reads the answers of a login service, and the tokens in them. A token has a value and expires in the future.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{
		`{"access":"a","refresh":"b"}`, `{"access":1}`, `{}`, `[`, `{"access":"a\nb"}`,
		"", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.x", "eyJhbGciOiJub25lIn0.eyJleHAiOiJub3cifQ.",
	} {
		f.Add(seed)
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		if access, _, ok := parseTokens([]byte(text), now); ok && access.value.IsZero() {
			t.Errorf("%q was accepted without an access token", text)
		}
		if got := newToken(text, now, time.Hour); got.lifetime <= 0 || !got.expiry.After(now) {
			t.Errorf("want a lifetime above zero and an expiry in the future, got %v and %v", got.lifetime, got.expiry)
		}
	})
}
