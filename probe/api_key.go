package probe

import (
	"context"
	"time"

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

// apiKey is a key that cannot be renewed. It stores each probe's last result with this key.
type apiKey struct {
	key     secret.Text
	results *keyResults
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
	return apiKey{s.APIKey, &keyResults{probes: map[string]keyResult{}}}, nil
}

// Attach returns a session that compares results with those of the runner's guarded probes.
func (k apiKey) Attach(env Environment) Session {
	return keySession{apiKey: k, header: secret.New("Bearer " + k.key.Reveal()), guarded: env.guarded}
}

// Renewable returns false.
func (k apiKey) Renewable() bool { return false }

// Secrets returns the key.
func (k apiKey) Secrets() []string { return []string{k.key.Reveal()} }

// keySession is an API key in use by one runner.
type keySession struct {
	apiKey
	static

	header  secret.Text // the whole value of the Authorization header
	guarded *guardedResults
}

// Authorize adds the key.
func (s keySession) Authorize(_ context.Context, r AuthRequest) (AuthResult, error) {
	r.Header["Authorization"] = []string{s.header.Reveal()}
	return AuthResult{}, nil
}

// Finish compares an unexpected 401 with other probes' results with the same key, and stores the result.
func (s keySession) Finish(r *Result) {
	if r.Blame == BlameUnknown {
		r.Blame = s.results.blame(r.Probe, time.Now(), s.guarded)
	}
	s.results.observe(r)
}
