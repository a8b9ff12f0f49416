package probe

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// encode percent-encodes what RFC 3986 does not allow in a path and a query, such as spaces and letters beyond ASCII (as UTF-8). What is
// already encoded stays as it is: %2F is not a slash (section 2.2). url.URL alone would encode the decoded path when one of its
// characters needs it, and sends a query as it is: https://github.com/golang/go/issues/38292. Brackets stay too, because many servers
// have them in the names of parameters.
func encode(text string) string {
	const allowed = "-._~!$&'()*+,;=:@/?%[]#"
	var b strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(allowed, c) >= 0 {
			_ = b.WriteByte(c)
			continue
		}
		_, _ = fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// resolve returns the URL of a path, or of the Location of a redirect, relative to another URL.
func resolve(base *url.URL, path string) (*url.URL, error) {
	u, err := url.Parse(path)
	if err != nil || u.Host != "" && u.Host != encode(u.Host) { // a host beyond ASCII is encoded in another way
		return base.Parse(path)
	}
	return base.Parse(encode(path))
}

// canonical returns a URL with the host in the form in which it is sent and compared: in lower case, as ASCII, and without the default port
// of the scheme (RFC 3986, sections 6.2.2.1 and 6.2.3; RFC 5890 for other letters).
func canonical(u *url.URL) *url.URL {
	c := *u
	c.Host = asciiHost(u.Hostname())
	port := u.Port()
	if port == portOf(&url.URL{Scheme: u.Scheme}) {
		port = ""
	}
	switch {
	case port != "":
		c.Host = net.JoinHostPort(c.Host, port)
	case strings.Contains(c.Host, ":"):
		c.Host = "[" + c.Host + "]"
	}
	return &c
}

// asciiHost returns a name in lower case, with punycode for letters beyond ASCII.
func asciiHost(host string) string {
	ascii, err := idna.Lookup.ToASCII(host)
	if isASCII(host) || err != nil { // the rules of IDNA allow less than the DNS, for example no underscore
		return strings.ToLower(host)
	}
	return ascii
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}

// origin returns scheme, host and port. Two URLs have the same origin when these are equal: RFC 6454, section 5.
func origin(u *url.URL) string {
	return u.Scheme + "://" + asciiHost(u.Hostname()) + ":" + portOf(u)
}

// portOf returns the port of a URL, or the default port of its scheme.
func portOf(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
