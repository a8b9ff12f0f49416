package probe

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"squarewatch/probe/redact"
)

// maxRedirects is how many redirects a run follows.
const maxRedirects = 10

// redirect returns the request that an answer asks for, or why it is not followed. Only the target's own origin is
// followed: elsewhere somebody else would be measured, and the credential must not go there.
func redirect(r request, got answer, secrets *redact.Secrets) (next request, refusal string, ok bool) {
	if got.code < 300 || got.code > 399 || got.location == "" {
		return request{}, "", false
	}
	to, err := r.url.Parse(got.location)
	if err != nil {
		return request{}, "the redirect's Location is no URL", false
	}
	to.Fragment, to.User = "", nil
	if origin(to) != origin(r.url) {
		return request{}, fmt.Sprintf("the redirect leads to another origin, %s, and is not followed", secrets.Text(origin(to), 100)), false
	}
	next = request{method: r.method, url: to, body: r.body}
	switch got.code {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		next.body = nil
		if r.method != http.MethodHead {
			next.method = http.MethodGet
		}
	default:
		return request{}, "", false // 300, 304 and the like lead nowhere
	}
	return next, "", true
}

// sameEndpoint reports whether two URLs of one origin name the same endpoint, with and without a slash at the end.
func sameEndpoint(a, b *url.URL) bool {
	return strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}

// origin returns scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + u.Hostname() + ":" + port
}
