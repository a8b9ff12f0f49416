package setting

import (
	"fmt"
	"net/url"
	"strings"
)

// Site is the address of squarewatch's pages as people reach them, perhaps behind a reverse proxy with a path. Empty for none.
type Site string

// Validate reports an address that pages cannot have.
func (s Site) Validate() error {
	if s == "" {
		return nil
	}
	invalid := func(problem string) error {
		return &Invalid{Problem: problem, Fix: "write the address of squarewatch's pages, for example https://watch.example.org/squarewatch"}
	}
	u, err := url.Parse(string(s))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return invalid(fmt.Sprintf("is %q, which is not the address of a web page", string(s)))
	case u.User != nil:
		return invalid("holds a user or a password")
	case strings.ContainsAny(string(s), "?#"):
		return invalid(fmt.Sprintf("is %q, which has a query or a fragment", string(s)))
	}
	return nil
}

// Incident returns the address of an incident's page; empty without a site or an identifier. The slashes of the identifier stay, because
// reverse proxies decode or refuse escaped ones: https://httpd.apache.org/docs/2.4/mod/core.html#allowencodedslashes.
func (s Site) Incident(id string) string { return s.page("incident", id) }

// Run returns the address of a run's page by its trace; empty without a site or an identifier.
func (s Site) Run(trace string) string { return s.page("run", trace) }

// OnCall returns the address of a heading of the page that says what to do with a message; empty without a site.
func (s Site) OnCall(heading string) string {
	if s == "" {
		return ""
	}
	return strings.TrimRight(string(s), "/") + "/on-call#" + heading
}

func (s Site) page(kind, id string) string {
	if s == "" || id == "" {
		return ""
	}
	return strings.TrimRight(string(s), "/") + "/" + kind + "/" + strings.ReplaceAll(url.PathEscape(id), "%2F", "/")
}
