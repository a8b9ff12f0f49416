package setting

import (
	"net/netip"
	"strings"
)

// IsLoopback reports whether a host is this machine: an address of the loopback, or localhost. The case of a name does not matter, and it
// may end with a dot: RFC 3986, section 3.2.2, and RFC 6761, section 6.3.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || err == nil && ip.Unmap().IsLoopback()
}
