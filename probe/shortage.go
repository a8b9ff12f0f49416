package probe

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// isShortage reports whether an exchange failed because this process or this machine ran out of something: descriptors, memory,
// buffers or local ports. Such an error says nothing about the target. The errors are those of socket(2) and connect(2):
// https://man7.org/linux/man-pages/man2/socket.2.html, https://man7.org/linux/man-pages/man2/connect.2.html.
func isShortage(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
		// The resolver of package net keeps only the text of such an error: newDNSError in
		// https://github.com/golang/go/blob/master/src/net/net.go. No text of the DNS server gets there.
		if dns, ok := errors.AsType[*net.DNSError](err); ok && strings.HasSuffix(dns.Err, errno.Error()) {
			return true
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && errors.Is(err, syscall.EADDRNOTAVAIL) {
		return op.Addr != nil && hasRoute(op.Addr.String())
	}
	return false
}

// hasRoute reports whether this machine has an address from which it can reach another one. connect(2) fails with EADDRNOTAVAIL
// when all local ports are in use, and also when there is no local address of the family, for example for ::1 without IPv6. UDP
// tells the two apart: it has ports of its own, and a connected UDP socket sends nothing.
func hasRoute(address string) bool {
	conn, err := net.Dial("udp", address) //nolint:noctx // does not block: the address is numeric, and nothing is sent
	if err != nil {                       // without a descriptor it cannot be known, and that is a shortage of ours too
		return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
	}
	_ = conn.Close()
	return true
}
