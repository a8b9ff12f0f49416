package blame

// Judge remembers what was seen in the last minutes, and judges. It is safe for concurrent use. All runners of a process share one, so that
// a reload forgets nothing.
type Judge struct{}

// NewJudge returns a judge that has seen nothing.
func NewJudge() *Judge { return &Judge{} }

// Observe remembers what a run shows.
func (j *Judge) Observe(o *Observation) {}

// Verdict returns who caused the failure of a run, by everything that was observed until now. It is [None] for a run that did not fail.
// Runs that failed in the same way, with the same credential where that matters, get the same verdict.
func (j *Judge) Verdict(o *Observation) Verdict { return Verdict{} }

// Forget forgets what was seen of a credential, because it was replaced.
func (j *Judge) Forget(credential string) {}

// Witnesses returns a probe whose runs were accepted with a credential after it began to be refused elsewhere, and of which nobody knows
// whether its endpoint checks the credential at all; empty for none. See ServesAnybody.
func (j *Judge) Witness(credential string) string { return "" }

// ServesAnybody records whether the endpoint of a probe answers also without a credential. Such a probe is no witness that a credential
// is good.
func (j *Judge) ServesAnybody(probe string, yes bool) {}

// OtherCredentialRefused etc. are not needed outside.
