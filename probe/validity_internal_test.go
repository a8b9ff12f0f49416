package probe

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"squarewatch/config/secret"
	"squarewatch/probe/blame"
)

func TestCredentialsKnowWhenTheyEnd(t *testing.T) {
	ends := time.Now().Add(72 * time.Hour).Truncate(time.Second)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"exp": ends.Unix()}).SignedString([]byte("test"))
	if err != nil {
		t.Fatal(err)
	}
	l := login{tokens: newTokens()}
	l.tokens.store(newToken(signed, time.Now(), accessLifetime), token{}, nil, Renewal{End: time.Now(), Outcome: LoggedIn})
	for name, c := range map[string]struct {
		credential Credential
		ends       time.Time
		renewed    bool
	}{
		"a key that is a token": {apiKey{secret.New(signed)}, ends, false},
		"another key":           {apiKey{secret.New("aisq-key")}, time.Time{}, false},
		"a login":               {l, ends, true},
		"a login not yet made":  {login{tokens: newTokens()}, time.Time{}, false},
		"none":                  {nil, time.Time{}, false},
	} {
		got := ValidityOf(c.credential)
		if !got.Ends.Equal(c.ends) || got.Renewal.Renewed != c.renewed || !c.renewed && got.Renewal != (blame.Renewal{}) {
			t.Errorf("%s: want the end %v, renewed %t, got %+v", name, c.ends, c.renewed, got)
		}
	}
}
