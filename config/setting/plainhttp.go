package setting

import "net/url"

// ShowsSecrets reports whether a credential that is sent to an address can be read on the way: the address is not https, and not on this
// machine. It is false for text that is not an address.
func ShowsSecrets(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme == "https" {
		return false
	}
	return !IsLoopback(u.Hostname())
}

// Exposed are the settings that send credentials where they can be read on the way.
type Exposed interface {
	// ShowsSecretsAt returns the fields with such addresses, as a user writes them; none is good.
	ShowsSecretsAt() []string
}
