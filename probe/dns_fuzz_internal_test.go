package probe

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"

	"squarewatch/probe/blame"
	"squarewatch/probe/redact"
)

// serveDNS answers each query over a connection with its own head and question, then foreign records. The answer begins with the flags
// and the numbers of answers, authorities and additional records: RFC 1035, sections 4.1.1 and 4.2.2.
func serveDNS(conn net.Conn, answer []byte) {
	defer func() { _ = conn.Close() }()
	const head, counts = 12, 8
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil || len(query) < head {
			return
		}
		end := head
		for end < len(query) && query[end] != 0 { // the name of the question
			end += int(query[end]) + 1
		}
		reply := slices.Concat(query[:2], answer[:2], []byte{0, 1}, answer[2:counts], query[head:min(end+5, len(query))], answer[counts:])
		if len(reply) > 1<<16-1 {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// FuzzDNSAnswer gives the resolver any answer. It returns addresses, or a printable error of one of the known kinds.
func FuzzDNSAnswer(f *testing.F) {
	const record = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
	for _, seed := range []string{
		"\x81\x80\x00\x01\x00\x00\x00\x00" + record, "\x81\x80\x00\x00\x00\x00\x00\x00", "\x81\x82\x00\x00\x00\x00\x00\x00",
		"\x81\x83\x00\x00\x00\x00\x00\x00", "\x81\x85\x00\x00\x00\x00\x00\x00", "\x83\x80\x00\x00\x00\x00\x00\x00",
		"\x81\x80\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c", "\x81\x80\xff\xff\xff\xff\xff\xff" + record,
		"\x81\x80\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x3c\x00\x06\x04\x1b[3m\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if len(answer) < 8 {
			return
		}
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go serveDNS(theirs, answer)
			return ours, nil
		}
		r := &resolver{server: "192.0.2.53:53", system: &net.Resolver{PreferGo: true, Dial: dial}}
		ips, err := r.LookupNetIP(t.Context(), "ip", "api.example.")
		names, errNames := r.LookupNS(t.Context(), rootZone)
		if len(ips) == 0 && err == nil || len(names) == 0 && errNames == nil {
			t.Errorf("want addresses or an error, got %v, %v and %v, %v", ips, err, names, errNames)
		}
		checkDNSError(t, err)
		checkDNSError(t, errNames)
		if slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !ip.IsValid() }) {
			t.Errorf("want addresses, got %v", ips)
		}
	})
}

// checkDNSError checks that an error has a known kind and is printable; nil is no error.
func checkDNSError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	kinds := []blame.DNS{blame.DNSNoAnswer, blame.DNSNoName, blame.DNSFailed, blame.DNSRefused}
	text := (*redact.Secrets)(nil).Error(err)
	if !isDNS(err) || !slices.Contains(kinds, dnsKind(err)) || redact.Printable(text) != text || len(text) > 1000 {
		t.Errorf("want a printable error of a known kind, got %d: %q", dnsKind(err), text)
	}
}
