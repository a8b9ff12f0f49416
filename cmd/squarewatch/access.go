package main

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"squarewatch/probe/redact"
)

// tokenHolder is what a caller with the token is called: nobody knows more about it.
const tokenHolder = "a holder of web.token" //nolint:gosec // a name, not a token

// fromAllowedHost refuses requests under a host name that is not known to be ours. A page in a browser may give its own name the
// address of this machine (DNS rebinding), and could then read, and change, what the port serves:
// https://github.com/golang/oauth2/security/advisories and https://en.wikipedia.org/wiki/DNS_rebinding. It also refuses what a proxy
// has forwarded without the token: it comes from somewhere else, whatever its address.
func (d *Daemon) fromAllowedHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !allowedHost(r.Host, d.config().Web.Hosts):
			refuse(w, http.StatusForbidden, fmt.Errorf("the host name %q is not known; write it into web.hosts of the configuration if it is right",
				redact.Text(r.Host, 100)))
		case forwarded(r.Header) && !d.hasToken(r):
			refuse(w, http.StatusForbidden, errors.New("a proxy has forwarded this request; let it add the token of web.token as a bearer token"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// allowedHost reports whether a request's host is an address, localhost, this machine's name or one of the configuration's. No
// attacker can give an address or a name without a domain to a page.
func allowedHost(host string, configured []string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	names := append([]string{"localhost"}, configured...)
	if own, err := os.Hostname(); err == nil {
		names = append(names, own)
	}
	return slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(known, strings.TrimSuffix(name, ".")) })
}

// forwarded reports whether a request came through a proxy: RFC 7239 and the headers that came before it.
func forwarded(header http.Header) bool {
	for name := range header {
		if name == "Forwarded" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
}

// hasToken reports whether a request holds the token of the configuration.
func (d *Daemon) hasToken(r *http.Request) bool {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token := d.config().Web.Token
	return !token.IsZero() && subtle.ConstantTimeCompare([]byte(token.Reveal()), []byte(bearer)) == 1
}

// caller names who makes a request that changes something; empty when it may not.
func (d *Daemon) caller(r *http.Request) string {
	if name := peerOf(r); name != "" {
		return name
	}
	if d.hasToken(r) {
		return tokenHolder
	}
	return ""
}

// guarded lets through who comes over the socket or knows the token, and no page of another origin in somebody's browser.
func (d *Daemon) guarded(handle func(w http.ResponseWriter, r *http.Request, by string)) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by := d.caller(r)
		if by == "" {
			d.options.Logger.WarnContext(r.Context(), "a change was refused", "method", r.Method, "path", redact.Text(r.URL.Path, 100), "from", r.RemoteAddr)
			refuse(w, http.StatusForbidden, errors.New("this needs root or a member of the service's group on the same machine, over the socket of "+
				"squarewatch, or the token of web.token as a bearer token"))
			return
		}
		handle(w, r, by)
	}))
}
