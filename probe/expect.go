package probe

import (
	"context"
	"errors"
	"net/http"
	"time"

	"squarewatch/probe/redact"
)

// Expect is what a probe declares as healthy. To add an expectation, add a field here, a file, and a line in expectations.
type Expect struct {
	Status  []Selector    `yaml:"status,omitempty"`  // 2xx when absent
	JSON    string        `yaml:"json,omitempty"`    // jq expression that must not return null or false
	Latency time.Duration `yaml:"latency,omitempty"` // longest healthy [Result.Latency]

	CertificateDays int `yaml:"certificate_days,omitempty"` // how many more days a verified chain of certificates must be valid
}

// observation is what a check evaluates.
type observation struct {
	result   *Result
	last     *Attempt
	header   http.Header
	body     []byte
	timeout  time.Duration
	redirect string // why a redirect was not followed
	secrets  *redact.Secrets
}

// check returns why an answer is unexpected; empty when it is expected.
type check func(ctx context.Context, seen *observation) string

// expectation returns the check of one kind of expectation; nil when the probe does not have it. An error is a [setting.Invalid] with
// the path of the field from the probe.
type expectation func(e *Expect) (check, error)

// expectations lists the kinds in the order of evaluation. The first that fails is the reason of the result.
func expectations() []expectation {
	return []expectation{expectStatus, expectJSON, expectLatency, expectCertificate}
}

// compile returns the checks of a probe.
func compile(e *Expect) ([]check, error) {
	var checks []check
	var faults []error
	for _, kind := range expectations() {
		c, err := kind(e)
		if c != nil {
			checks = append(checks, c)
		}
		faults = append(faults, err)
	}
	return checks, errors.Join(faults...)
}

// validate reports the faults of all expectations as [setting.Invalid], joined.
func (e *Expect) validate() error {
	_, err := compile(e)
	return err
}
