package probe

import (
	"time"

	"squarewatch/probe/blame"
)

// Validity is what a credential knows of itself.
type Validity struct {
	Ends    time.Time     // when its key or its present token ends; zero where that is not known
	Renewal blame.Renewal // the newest; zero for none
}

// validity is a credential that knows something of itself.
type validity interface{ validity() Validity }

// ValidityOf returns what a credential knows of its end and of its newest renewal; zero for a kind that knows nothing.
func ValidityOf(c Credential) Validity {
	if known, ok := c.(validity); ok {
		return known.validity()
	}
	return Validity{}
}

// validity returns the end of a key that is a JSON Web Token with the claim exp (RFC 7519). Other keys do not tell theirs.
func (k apiKey) validity() Validity {
	_, ends := claimTimes(k.key.Reveal())
	return Validity{Ends: ends}
}

// validity returns the end of the access token, and the newest renewal.
func (l login) validity() Validity {
	l.tokens.mu.Lock()
	defer l.tokens.mu.Unlock()
	return Validity{Ends: l.tokens.access.expiry, Renewal: l.tokens.last}
}
