package probe

import (
	"context"
	"errors"
	"time"
)

// Expect is what a probe declares as healthy. A new expectation is a field here, a file of its own, and a line in expectations.
type Expect struct {
	Status  []Selector    `yaml:"status,omitempty"`  // 2xx when absent
	JSON    string        `yaml:"json,omitempty"`    // jq expression; null and false fail
	Latency time.Duration `yaml:"latency,omitempty"` // longest healthy duration of the first answer, with the redirects on the way to it

	CertificateDays int `yaml:"certificate_days,omitempty"` // how long every certificate of the chain must be good still
}

// observation is what a check looks at.
type observation struct {
	result   *Result
	last     *Attempt
	body     []byte
	timeout  time.Duration
	redirect string // why a redirect was not followed
	secrets  *secrets
}

// check returns why an answer is not what was expected; empty when it is.
type check func(ctx context.Context, seen *observation) string

// expectation makes the check of one kind of expectation; nil when the probe has none of it. Faults are [setting.Invalid], with
// the field's name inside expect.
type expectation func(e *Expect) (check, error)

// expectations lists the kinds, in the order in which they are looked at: the first that fails gives the reason.
func expectations() []expectation {
	return []expectation{expectStatus, expectJSON, expectLatency, expectCertificate}
}

// compile makes the checks of a probe.
func compile(e *Expect) ([]check, error) {
	var checks []check
	var faults []error
	for _, make := range expectations() {
		c, err := make(e)
		if c != nil {
			checks = append(checks, c)
		}
		faults = append(faults, err)
	}
	return checks, errors.Join(faults...)
}

// validate reports the faults of all expectations.
func (e *Expect) validate() error {
	_, err := compile(e)
	return err
}
