package probe

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// proxyError is the answer of our own proxy when it does not connect to the target.
type proxyError struct {
	address string // of the proxy, without a login
	status  string // code and phrase, in the proxy's words
	code    int
}

// Error returns the address of the proxy and its answer.
func (e *proxyError) Error() string { return "the proxy " + e.address + " answered " + e.status }

// onProxyConnect reads a proxy's answer to CONNECT. Every 2xx means that the tunnel is open (RFC 9110, section 9.3.6), but net/http accepts
// only 200 and keeps only the phrase of other answers: https://github.com/golang/go/issues/40873, and dialConn in
// https://github.com/golang/go/blob/master/src/net/http/transport.go.
func onProxyConnect(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode/100 == 2 {
		answer.StatusCode = http.StatusOK
		return nil
	}
	return &proxyError{address: proxy.Host, status: strings.TrimSpace(answer.Status), code: answer.StatusCode}
}

// refused reports whether our own proxy refuses to connect us at all: it wants a login, or forbids the target. After another answer,
// such as 502, the proxy works and the target may be at fault.
func (e *proxyError) refused() bool {
	return e.code == http.StatusForbidden || e.code == http.StatusProxyAuthRequired
}
