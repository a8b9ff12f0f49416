package probe_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// answersOnlyA answers queries for IPv4, and drops all others, as some resolvers and middleboxes drop AAAA
// (https://github.com/golang/go/issues/57697; RFC 4074, section 4.1, describes such servers).
func answersOnlyA(addresses ...string) func(packet []byte) []byte {
	return func(packet []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(packet) != nil || len(m.Questions) == 0 || m.Questions[0].Type != dnsmessage.TypeA {
			return nil
		}
		return resolve(packet, addresses)
	}
}

// TestOneAddressOrFamilyThatHangsLeavesTimeForTheOthers checks that a run gets its answer from the address that works.
func TestOneAddressOrFamilyThatHangsLeavesTimeForTheOthers(t *testing.T) {
	for _, c := range []struct {
		name    string
		prefer  string
		hanging []string // addresses that accept no connection
		answer  func(packet []byte) []byte
	}{
		{name: "the first address of a family", hanging: []string{"127.0.0.66"}, answer: func(packet []byte) []byte {
			return resolve(packet, []string{"127.0.0.66", "127.0.0.1"})
		}},
		{name: "the first two, preferred", prefer: "ipv4", hanging: []string{"127.0.0.66", "127.0.0.67"}, answer: func(packet []byte) []byte {
			return resolve(packet, []string{"127.0.0.66", "127.0.0.67", "127.0.0.1"})
		}},
		{name: "the look-up of IPv6", answer: answersOnlyA("127.0.0.1")},
		{name: "the look-up of IPv6, preferred", prefer: "ipv6", answer: answersOnlyA("127.0.0.1")},
		{name: "the look-up of IPv6, not preferred", prefer: "ipv4", answer: answersOnlyA("127.0.0.1")},
		{name: "the look-up of IPv6, not wanted", prefer: "ipv4-only", answer: answersOnlyA("127.0.0.1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, port, _ := net.SplitHostPort(raw(t, answering("HTTP/1.1 204 None\r\n\r\n")))
			for _, address := range c.hanging {
				full(t, "tcp4", address+":"+port)
			}
			n := probe.Network{Prefer: c.prefer, Resolver: nameserverOf(t, c.answer), Proxy: secret.New(probe.NoProxy)}
			r := routed(t, "http://api.test:"+port, n, probe.Probe{Path: "/", Timeout: 4 * time.Second})
			a := r.Attempts[0]
			if !r.Expected || a.Peer != "127.0.0.1:"+port || kindsOf(a) != "dns connect send wait receive" {
				t.Errorf("want the address that answers, got %q with %s: %s", a.Peer, kindsOf(a), r.Reason)
			}
			checkAttempts(t, r)
		})
	}
}

// TestOneFamilyOnly checks that the addresses of the other family are not used.
func TestOneFamilyOnly(t *testing.T) {
	_, port, _ := net.SplitHostPort(raw(t, answering("HTTP/1.1 204 None\r\n\r\n")))
	for _, c := range []struct {
		prefer string
		class  probe.Class
	}{{"ipv4-only", probe.Success}, {"ipv6-only", probe.ConnectError}} {
		n := probe.Network{Prefer: c.prefer, Resolver: nameserver(t, "127.0.0.1", "::1"), Proxy: secret.New(probe.NoProxy)}
		r := routed(t, "http://api.test:"+port, n, probe.Probe{Path: "/"})
		if r.Class != c.class {
			t.Errorf("%s: want %s, got %s: %s", c.prefer, c.class, r.Class, r.Reason)
		}
	}
}

// TestAHangingNameServerIsReportedAsResolving checks the phases and the reason, whatever family is preferred. Package net reports its dials
// to name servers as connections of the request: https://github.com/golang/go/issues/25198.
func TestAHangingNameServerIsReportedAsResolving(t *testing.T) {
	for _, prefer := range []string{"", "ipv4", "ipv6", "ipv4-only"} {
		n := probe.Network{Prefer: prefer, Resolver: silentDNS(t), Proxy: secret.New(probe.NoProxy)}
		r := routed(t, "http://api.test", n, probe.Probe{Path: "/", Timeout: 200 * time.Millisecond})
		if r.Class != probe.Timeout || !strings.Contains(r.Reason, "resolving") || kindsOf(r.Attempts[0]) != "dns" {
			t.Errorf("prefer %q: want a timeout while resolving, got %s with phases %s: %s", prefer, r.Class, kindsOf(r.Attempts[0]), r.Reason)
		}
	}
}

// TestErrorsNameTheServerThatWasAsked has a name server that refuses and one that answers SERVFAIL. Package net names those of
// /etc/resolv.conf: https://github.com/golang/go/issues/52428.
func TestErrorsNameTheServerThatWasAsked(t *testing.T) {
	fails := nameserverOf(t, func(packet []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(packet) != nil {
			return nil
		}
		m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeServerFailure, nil
		reply, _ := m.Pack()
		return reply
	})
	for _, prefer := range []string{"", "ipv4"} {
		n := probe.Network{Prefer: prefer, Resolver: fails, Proxy: secret.New(probe.NoProxy)}
		r := routed(t, "http://api.test", n, probe.Probe{Path: "/"})
		if r.Class != probe.DNSError || !strings.Contains(r.Reason, "lookup api.test on "+fails) || !strings.Contains(r.Reason, "misbehaving") {
			t.Errorf("prefer %q: want the server %s named, got %s: %s", prefer, fails, r.Class, r.Reason)
		}
		for _, look := range r.Looks {
			if look.Kind == probe.LookResolver && !strings.Contains(look.Text, fails) {
				t.Errorf("the look: want the server %s named, got %s", fails, look.Text)
			}
		}
	}
}
