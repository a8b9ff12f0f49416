package probe

import (
	"time"
)

// Expect is what a probe declares as healthy. A new expectation is a field here, a file of its own, and a line in expectations.
type Expect struct {
	Status  []Selector    `yaml:"status,omitempty"`  // 2xx when absent
	JSON    string        `yaml:"json,omitempty"`    // jq expression; null and false fail
	Latency time.Duration `yaml:"latency,omitempty"` // longest healthy duration of the first attempt
}

func (e *Expect) validate(string) error { return nil }
