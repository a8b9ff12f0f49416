package probe

import (
	"crypto/tls"
	"time"
)

// certificateExpiry returns when the trust in a server ends. A verified chain expires with the first of its certificates. If several chains
// were verified, the one that lasts longest counts, because clients need only one. Other certificates that the server sent do not matter,
// for example a cross-signed root for old clients that expired long ago.
// (https://pkg.go.dev/crypto/tls#ConnectionState, VerifiedChains; RFC 4158, section 1.3, has the shapes of such chains.)
func certificateExpiry(state *tls.ConnectionState) (latest time.Time) {
	for _, chain := range state.VerifiedChains {
		var earliest time.Time
		for _, certificate := range chain {
			if earliest.IsZero() || certificate.NotAfter.Before(earliest) {
				earliest = certificate.NotAfter
			}
		}
		if earliest.After(latest) {
			latest = earliest
		}
	}
	return latest
}
