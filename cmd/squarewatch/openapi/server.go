package openapi

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// These errors say what to do when a document does not say where its API is.
var (
	errNoServer = errors.New("the document does not say where its API is: write --target, for example --target https://api.example.org")
	errNotSafe  = errors.New("no server of the document has an https address: write --target, for example --target https://api.example.org")
)

// server is the address of operations: an origin, and the path before the paths of the operations.
type server struct {
	origin url.URL // scheme and host
	prefix string
}

// serverOf returns the first usable server of a list; false when there is none. The address of a server may be relative to the
// document's own.
func serverOf(list openapi3.Servers, document *url.URL) (server, bool) {
	for _, listed := range list {
		u := addressOf(listed)
		if u == nil {
			continue
		}
		if document != nil {
			u = document.ResolveReference(u)
		}
		if u.Host == "" || isSafe(u) {
			return server{url.URL{Scheme: u.Scheme, Host: u.Host}, strings.TrimSuffix(u.EscapedPath(), "/")}, true
		}
	}
	return server{}, false
}

// addressOf returns the address of a server with the defaults of its variables; nil if it cannot be used.
func addressOf(listed *openapi3.Server) *url.URL {
	if listed == nil {
		return nil
	}
	address := listed.URL
	for name, variable := range listed.Variables {
		if variable != nil {
			address = strings.ReplaceAll(address, "{"+name+"}", variable.Default)
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || strings.ContainsAny(address, "{}") {
		return nil
	}
	return u
}

// isSafe reports whether credentials may be sent to an address: by https, or by http on this machine.
func isSafe(u *url.URL) bool {
	address, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback)
}

// ParseTarget reads the address of an API. The address may contain the path before the paths of the operations, which a document may leave
// out.
func ParseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !isSafe(u) {
		return nil, fmt.Errorf("the target is %q: write https:// and a host, for example https://api.example.org", shown(text))
	}
	return u, nil
}

// base returns the server of a document. A target from the command line replaces its origin, and its path when it has one.
func base(document *openapi3.T, options Options) (server, error) {
	found, ok := serverOf(document.Servers, options.Document)
	if !ok && options.Document != nil && len(document.Servers) == 0 { // the default of servers is /, the document's own server
		found, ok = serverOf(openapi3.Servers{{URL: "/"}}, options.Document)
	}
	switch {
	case options.Target != nil:
		found.origin = url.URL{Scheme: options.Target.Scheme, Host: options.Target.Host}
		if path := strings.TrimSuffix(options.Target.EscapedPath(), "/"); path != "" {
			found.prefix = path
		}
	case !ok && len(document.Servers) > 0:
		return server{}, errNotSafe
	case found.origin.Host == "":
		return server{}, errNoServer
	}
	return found, nil
}
