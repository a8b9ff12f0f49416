package probe

import (
	"time"

	"squarewatch/probe/blame"
)

// Validity says how long a credential is valid, and how its newest renewal ended.
type Validity struct {
	Ends    time.Time     // when its key or its present token expires; zero where that is not known
	Renewal blame.Renewal // the newest; zero for none
}

// validity is a credential that knows its validity.
type validity interface{ validity() Validity }

// ValidityOf returns the validity of a credential; zero for a kind that does not know it.
func ValidityOf(c Credential) Validity {
	if known, ok := c.(validity); ok {
		return known.validity()
	}
	return Validity{}
}

// validity returns the expiry of a key that is a JSON Web Token with the claim exp (RFC 7519). Other keys have none.
func (k apiKey) validity() Validity {
	_, ends := claimTimes(k.key.Reveal())
	return Validity{Ends: ends}
}

// validity returns the expiry of the access token, and the newest renewal.
func (l login) validity() Validity {
	l.tokens.mu.Lock()
	defer l.tokens.mu.Unlock()
	return Validity{Ends: l.tokens.access.expiry, Renewal: l.tokens.last}
}
