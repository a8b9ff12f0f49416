package probe

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestLifetimeOfAToken has tokens from servers with the same clock and with other clocks. It checks when they expire and when they
// are renewed, with renew_before 10m.
func TestLifetimeOfAToken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct {
		claims      jwt.MapClaims
		expiry, due time.Duration
	}{
		"no claims":                 {jwt.MapClaims{}, accessLifetime, accessLifetime - 10*time.Minute},
		"an hour":                   {jwt.MapClaims{"exp": in(time.Hour)}, time.Hour, 50 * time.Minute},
		"shorter than renew_before": {jwt.MapClaims{"exp": in(6 * time.Minute)}, 6 * time.Minute, 4 * time.Minute},
		"half a minute":             {jwt.MapClaims{"exp": in(30 * time.Second)}, 30 * time.Second, 20 * time.Second},
		"issued earlier":            {jwt.MapClaims{"iat": in(-5 * time.Minute), "exp": in(time.Minute)}, time.Minute, 40 * time.Second},
		"refreshed after a day":     {jwt.MapClaims{"iat": in(-24 * time.Hour), "exp": in(6 * time.Second)}, 6 * time.Second, 5 * time.Second},
		"our clock is ahead":        {jwt.MapClaims{"iat": in(-time.Hour), "exp": in(-54 * time.Minute)}, 6 * time.Minute, 4 * time.Minute},
		"our clock is behind":       {jwt.MapClaims{"iat": in(time.Hour), "exp": in(66 * time.Minute)}, 6 * time.Minute, 4 * time.Minute},
		"expired, without iat":      {jwt.MapClaims{"exp": in(-time.Minute)}, accessLifetime, accessLifetime - 10*time.Minute},
		"expired before it was issued": {
			jwt.MapClaims{"iat": in(-time.Minute), "exp": in(-time.Hour)},
			accessLifetime,
			accessLifetime - 10*time.Minute,
		},
	} {
		raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c.claims).SignedString([]byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		got := newToken(raw, now, accessLifetime)
		if left := got.expiry.Sub(now); left != c.expiry {
			t.Errorf("%s: want it to expire in %v, got %v", name, c.expiry, left)
		}
		if early, late := got.isDue(now.Add(c.due-time.Second), 10*time.Minute), got.isDue(now.Add(c.due+time.Second), 10*time.Minute); early ||
			!late {
			t.Errorf("%s: want a renewal in %v, got %v before and %v after", name, c.due, early, late)
		}
	}
}

// TestTokensAgeWhileTheMachineSleeps checks that the times have no monotonic part: the monotonic clock stops meanwhile.
func TestTokensAgeWhileTheMachineSleeps(t *testing.T) {
	got := newToken("opaque", time.Now(), time.Hour)
	if got.issued != got.issued.Round(0) || got.expiry != got.expiry.Round(0) {
		t.Errorf("want times without a monotonic part, got %v and %v", got.issued, got.expiry)
	}
}

func TestTokenIsNotYoungAfterTheClockWasSetBack(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	got := newToken("opaque", now, time.Hour)
	for age, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, time.Minute: false, -time.Second: false} {
		if young := got.isYoung(now.Add(age)); young != want {
			t.Errorf("at the age of %v: want young %v, got %v", age, want, young)
		}
	}
}
