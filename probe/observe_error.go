package probe

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"squarewatch/probe/blame"
)

// dnsKind returns how a look-up failed. When err holds no [net.DNSError], the deadline passed before the resolver answered.
//
// Package net sets IsNotFound for NXDOMAIN and for a name without addresses, and IsTimeout when no server answered. For SERVFAIL and
// every other code it says "server misbehaving", and only SERVFAIL is temporary
// (https://github.com/golang/go/blob/master/src/net/dnsclient_unix.go, checkHeader). When a resolver cannot be reached at all, package net
// keeps only the text of the system's error (newDNSError in src/net/net.go).
func dnsKind(err error) blame.DNS {
	failure, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok, failure.IsTimeout:
		return blame.DNSNoAnswer
	case failure.IsNotFound:
		return blame.DNSNoName
	}
	for _, errno := range []syscall.Errno{
		syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.ETIMEDOUT,
	} {
		if strings.HasSuffix(failure.Err, errno.Error()) {
			return blame.DNSNoAnswer
		}
	}
	if failure.Err == misbehaving && !failure.IsTemporary {
		return blame.DNSRefused
	}
	return blame.DNSFailed
}

// misbehaving is what package net says of a resolver that answers with a code such as SERVFAIL or REFUSED.
const misbehaving = "server misbehaving"

// linkKind returns how a connection failed. The errors of the system are those of connect(2) and ip(7):
// https://man7.org/linux/man-pages/man2/connect.2.html, https://man7.org/linux/man-pages/man7/ip.7.html.
func linkKind(class Class, err error) blame.Link {
	isOneOf := func(all ...error) bool {
		for _, one := range all {
			if errors.Is(err, one) {
				return true
			}
		}
		return false
	}
	answered, ok := errors.AsType[*proxyError](err)
	switch {
	case isProxy(err), ok && answered.refused():
		return blame.LinkProxy
	case isUntrusted(err):
		return blame.LinkUntrusted
	case class == TLSError:
		return blame.LinkTLS
	case isOneOf(syscall.ECONNREFUSED, syscall.ECONNRESET):
		return blame.LinkRefused
	case isOneOf(syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL):
		return blame.LinkNoRoute
	}
	return blame.LinkNoAnswer
}

// isUntrusted reports whether a certificate is signed by an authority that this machine does not know.
func isUntrusted(err error) bool {
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}

// isProxy reports whether our own proxy could not be reached. net/http marks such errors with the operation "proxyconnect"
// (https://github.com/golang/go/blob/master/src/net/http/transport.go, dialConn). Errors of a SOCKS proxy have the operation "socks
// connect", even when the proxy works but cannot reach the target (src/net/http/socks_bundle.go).
func isProxy(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		op, ok := err.(*net.OpError) //nolint:errorlint // each level is looked at
		switch {
		case !ok:
		case op.Op == "proxyconnect":
			return true
		case strings.HasPrefix(op.Op, "socks"):
			inner, ok := errors.AsType[*net.OpError](op.Err)
			return ok && inner.Op == "dial"
		}
	}
	return false
}

// saysNothing reports whether a connection through our own proxy failed without an answer of the proxy: it ended the connection, or did
// not answer in time. When the target refuses a connection, the proxy says so by a status.
func saysNothing(class Class, link blame.Link, err error) bool {
	switch link { //nolint:exhaustive // the others say more
	case blame.LinkRefused:
		return true
	case blame.LinkNoAnswer:
		return class == Timeout || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	return false
}
