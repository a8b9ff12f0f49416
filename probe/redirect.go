package probe

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"squarewatch/probe/redact"
)

// maxRedirects is how many redirects in a row a run follows.
const maxRedirects = 10

// redirect returns the request that an answer redirects to, or why the redirect is not followed. It must stay within the
// origin of the target: the credential must not be sent anywhere else, and another server is not what the probe measures.
func redirect(r request, got answer, secrets *redact.Secrets) (next request, refusal string, ok bool) {
	location := got.header.Get("Location")
	if got.code < 300 || got.code > 399 || location == "" {
		return request{}, "", false
	}
	to, err := resolve(r.url, location)
	if err != nil {
		return request{}, "the Location of the redirect is not a URL", false
	}
	to.Fragment, to.User = "", nil
	if origin(to) != origin(r.url) {
		return request{}, fmt.Sprintf("the redirect leads to another origin, %s, and is not followed", secrets.Text(origin(to), 100)), false
	}
	to.Host = r.url.Host
	next = request{method: r.method, url: to, body: r.body, http1: r.http1, cookies: r.cookies}
	next.keepCookies(r.url, got.header)
	switch got.code {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		next.body = nil
		if r.method != http.MethodHead {
			next.method = http.MethodGet
		}
	default:
		return request{}, "", false // 300, 304 and others do not redirect
	}
	return next, "", true
}

// keepCookies keeps the cookies that an answer sets for the requests after it, with the rules of RFC 6265. They belong to one try: the
// next one begins without them. They stay within the origin, as redirects do.
func (r *request) keepCookies(from *url.URL, header http.Header) {
	set := (&http.Response{Header: header}).Cookies()
	if len(set) == 0 {
		return
	}
	if r.cookies == nil {
		r.cookies, _ = cookiejar.New(nil) // without options it never fails
	}
	r.cookies.SetCookies(from, set)
}

// addCookies adds the cookies for a request to its header, after those of the probe.
func (r *request) addCookies(header http.Header) {
	if r.cookies == nil {
		return
	}
	to := http.Request{Header: header}
	for _, cookie := range r.cookies.Cookies(r.url) {
		to.AddCookie(cookie)
	}
}

// sameEndpoint reports whether the paths of two URLs differ at most in a slash at the end.
func sameEndpoint(a, b *url.URL) bool {
	return strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}
