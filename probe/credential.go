package probe

import (
	"context"
	"net/http"
	"strings"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// Credential is a named principal that probes act as. A new kind is one file here and one line in cmd/squarewatch/kinds.go.
type Credential interface {
	// Authorize puts the credential on a request's header.
	Authorize(ctx context.Context, header http.Header) error
}

// APIKeySettings are the keys of a credential that is an API key.
type APIKeySettings struct {
	APIKey secret.Text `yaml:"api_key"` // sent as Authorization: Bearer
}

// Validate reports what is wrong with the settings.
func (s APIKeySettings) Validate() error {
	if s.APIKey.IsZero() {
		return &setting.Invalid{Field: "api_key", Problem: "is empty", Fix: "name the key, for example ${credential:aisquare-api-key}"}
	}
	if !bearable(s.APIKey.Reveal()) {
		return &setting.Invalid{Field: "api_key", Problem: "holds a space, a line break or a character that no header can carry", Fix: "check how the key was stored: it is one word"}
	}
	return nil
}

// apiKey is a key that cannot be renewed.
type apiKey struct {
	*standings

	bearer secret.Text
}

var (
	_ Credential = apiKey{}
	_ Credential = noCredential{}
)

// NewAPIKey returns the credential of an API key.
func NewAPIKey(s APIKeySettings) (Credential, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return apiKey{&standings{probes: map[string]standing{}}, secret.New("Bearer " + s.APIKey.Reveal())}, nil
}

// Authorize sends the key.
func (k apiKey) Authorize(_ context.Context, header http.Header) error {
	header["Authorization"] = []string{k.bearer.Reveal()}
	return nil
}

// noCredential is the credential of a stranger.
type noCredential struct{}

// Authorize adds nothing.
func (noCredential) Authorize(context.Context, http.Header) error { return nil }

// bearable reports whether a key or a token can follow Bearer in a header: it is one word of ASCII.
func bearable(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

var _ holder = apiKey{}

func (k apiKey) holds() []string { return []string{strings.TrimPrefix(k.bearer.Reveal(), "Bearer ")} }
