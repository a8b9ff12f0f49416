package redact

import (
	"errors"
	"net/url"
)

// URL returns a URL that can be shown. The values of its query are hidden and user information is left out.
func URL(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	shown.RawQuery = hideValues(u.RawQuery)
	return shown.String()
}

// RedirectURL returns the URL of a redirect that was followed, in a form that can be shown. The API chose the path, so it is masked
// like all foreign text, and the query is hidden. The scheme and the host are those of the target.
func (s *Secrets) RedirectURL(u *url.URL) string {
	shown := u.Scheme + "://" + u.Host
	shown += s.path((&url.URL{Path: u.Path}).EscapedPath())
	if u.RawQuery != "" {
		shown += "?" + redacted
	}
	return shown
}

// Error returns the text of an error for people. It leaves out the URL of a [url.Error], masks secrets, and has at most 200
// characters.
func (s *Secrets) Error(err error) string {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return s.Text(err.Error(), 200)
}
