package probe

import (
	"context"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// APIKeySettings are the settings of a credential that is an API key.
type APIKeySettings struct {
	APIKey secret.Text `yaml:"api_key"` // sent as Authorization: Bearer
}

// Validate returns a fault of the settings as [setting.Invalid].
func (s APIKeySettings) Validate() error {
	if s.APIKey.IsZero() {
		return &setting.Invalid{
			Field: "api_key", Problem: "is empty", Fix: "write a reference to the key, for example ${credential:aisquare-api-key}",
		}
	}
	if !validBearer(s.APIKey.Reveal()) {
		return &setting.Invalid{
			Field: "api_key", Problem: "contains a space, a line break or another character that is not allowed in a header",
			Fix: "check the stored key: it must be one line without spaces",
		}
	}
	return nil
}

// apiKey is a key that cannot be renewed.
type apiKey struct {
	key secret.Text
}

var (
	_ Credential = apiKey{}
	_ Session    = keySession{}
)

// NewAPIKey returns the credential of an API key. An error is a [setting.Invalid].
func NewAPIKey(s APIKeySettings) (Credential, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return apiKey{s.APIKey}, nil
}

// Attach returns a session that sends the key.
func (k apiKey) Attach(Environment) Session {
	return keySession{header: secret.New("Bearer " + k.key.Reveal())}
}

// Renewable returns false.
func (k apiKey) Renewable() bool { return false }

// Secrets returns the key.
func (k apiKey) Secrets() []string { return []string{k.key.Reveal()} }

// keySession is an API key in use by one runner.
type keySession struct {
	static

	header secret.Text // the whole value of the Authorization header
}

// Authorize adds the key.
func (s keySession) Authorize(_ context.Context, r AuthRequest) (AuthResult, error) {
	r.Header["Authorization"] = []string{s.header.Reveal()}
	return AuthResult{}, nil
}
