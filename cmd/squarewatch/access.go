package main

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/probe/redact"
)

// tokenHolder names a caller that has the token. Nothing else is known about the caller.
const tokenHolder = "a holder of web.token" //nolint:gosec // a name, not a token

// fromAllowedHost refuses a request whose host name is not allowed. A web page can point its own name to the address of this machine
// (DNS rebinding). Without this check, the page could read and change what the port serves: https://en.wikipedia.org/wiki/DNS_rebinding.
// fromAllowedHost also refuses a forwarded request without the token or a session, except for the login form. The remote address of a
// forwarded request is the proxy's, not the client's.
func (d *Daemon) fromAllowedHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !allowedHost(r.Host, d.ownHosts()):
			refuse(w, http.StatusForbidden, fmt.Errorf("the host name %q is not allowed; "+
				"if it is a name of this machine, add it to web.hosts in the configuration", redact.Text(r.Host, 100)))
		case forwarded(r.Header) && !d.hasToken(r) && !d.hasSession(r) && r.URL.Path != "/login":
			if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
				seeOther(w, d.loginPath(r))
				return
			}
			refuse(w, http.StatusForbidden, errors.New("a proxy forwarded this request; make the proxy send web.token as a bearer token"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownHosts returns the host names under which the configuration allows requests.
func (d *Daemon) ownHosts() []string {
	cfg := d.config()
	hosts := slices.Clone(cfg.Web.Hosts)
	if u, err := url.Parse(string(cfg.ExternalURL)); err == nil && u.Host != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// allowedHost reports whether a request's host is an address, localhost, this machine's name or a configured name. A web page
// cannot use an address or a name without a domain for DNS rebinding.
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

// forwarded reports whether a request came through a proxy. A proxy sets the header of RFC 7239, or older headers.
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
	return !token.IsZero() && sameSecret(token.Reveal(), bearer)
}

// sameSecret compares two secrets in a time that does not depend on where they differ.
func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// hasSession reports whether a browser has logged in.
func (d *Daemon) hasSession(r *http.Request) bool {
	_, ok := d.sessionOf(r)
	return ok
}

// caller returns the name of the client that requests a change; empty when the client may not make changes.
func (d *Daemon) caller(r *http.Request) string {
	if name := peerOf(r); name != "" {
		return name
	}
	if d.hasToken(r) {
		return tokenHolder
	}
	if s, ok := d.sessionOf(r); ok {
		return onBehalf(tokenHolder, s.Name)
	}
	return ""
}

// restricted passes on requests over the socket, with the token, or from a browser with a session, and names the caller. It refuses all
// others, and requests that a browser sends from a page of another origin.
func (d *Daemon) restricted(handle func(w http.ResponseWriter, r *http.Request, by string)) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by := d.caller(r)
		if by == "" {
			if before, due := d.refusals.add(time.Now()); due {
				d.options.Logger.WarnContext(r.Context(), "a change was refused; for a minute, more refusals are only counted",
					"method", r.Method, "path", redact.Text(r.URL.Path, 100), "from", r.RemoteAddr, "before", before)
			}
			refuse(w, http.StatusForbidden, errors.New("this change needs one of these: squarewatch's socket on this machine, "+
				"as root or as a member of the service's group; web.token as a bearer token; web.token in the form at /login"))
			return
		}
		handle(w, r, by)
	}))
}

// refusals limits the log lines about refused changes. Every client that reaches the port can cause them. Above a limit the journal drops
// all lines of a service, also those about alerts (https://github.com/systemd/systemd/blob/v252/man/journald.conf.xml, RateLimitBurst=).
type refusals struct {
	mu       sync.Mutex
	logged   time.Time // when the last line was written
	unlogged int       // number of refusals since then
}

// refusalInterval is the least time between two lines.
const refusalInterval = time.Minute

// add counts a refusal. It reports whether a line is due, and how many earlier refusals had no line.
func (r *refusals) add(now time.Time) (before int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.logged) < refusalInterval {
		r.unlogged++
		return 0, false
	}
	before = r.unlogged
	r.logged, r.unlogged = now, 0
	return before, true
}
