package probe_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// How long the servers of these tests take for each phase. A phase must last at least half of that, because a busy machine may
// report its start late. The tests assert no upper limit.
const (
	dnsTakes     = 40 * time.Millisecond
	tlsTakes     = 50 * time.Millisecond
	sendTakes    = 60 * time.Millisecond
	waitTakes    = 70 * time.Millisecond
	receiveTakes = 80 * time.Millisecond
)

// nameserver starts a name server on a loopback port. It answers every query with the same addresses, after a delay.
func nameserver(t *testing.T, addresses ...string) string {
	t.Helper()
	return nameserverOf(t, func(packet []byte) []byte { return resolve(packet, addresses) })
}

// nameserverOf starts a name server that answers as a function says; nothing for no answer.
func nameserverOf(t *testing.T, answer func(packet []byte) []byte) string {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			packet := make([]byte, 1500)
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			serving.Go(func() { // a query does not wait for another one
				<-time.After(dnsTakes)
				if reply := answer(packet[:n]); reply != nil {
					_, _ = conn.WriteTo(reply, from)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return conn.LocalAddr().String()
}

func resolve(packet []byte, addresses []string) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1}
		switch {
		case address.Is4() && m.Questions[0].Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case address.Is6() && m.Questions[0].Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	answer, _ := m.Pack()
	return answer
}

// leisurely starts a server that is slow in every phase. It returns its port and a file with its certificate.
func leisurely(t *testing.T, network, address string, http2 bool) (port, ca string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(sendTakes)
		_, _ = io.Copy(io.Discard, r.Body)
		<-time.After(waitTakes)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-time.After(receiveTakes)
		_, _ = io.WriteString(w, "}")
	}))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Skipf("no loopback of that kind here: %v", err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.EnableHTTP2 = http2
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		<-time.After(tlsTakes)
		return nil, nil //nolint:nilnil // means the server's own
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, caFile(t, server)
}

// kindsOf returns the names of an attempt's phases.
func kindsOf(a probe.Attempt) string {
	var all []string
	for _, p := range a.Phases {
		all = append(all, string(p.Kind))
	}
	return strings.Join(all, " ")
}

// addUp checks that the phases of an attempt sum to its duration, within 1 % or 200 µs. In fact they are contiguous.
func addUp(t *testing.T, a probe.Attempt) {
	t.Helper()
	var sum time.Duration
	for _, p := range a.Phases {
		sum += p.End.Sub(p.Start)
	}
	took := a.End.Sub(a.Start)
	if diff := (took - sum).Abs(); diff > max(took/100, 200*time.Microsecond) {
		t.Errorf("phases sum to %v, the attempt took %v", sum, took)
	}
}

// TestPhasesAreTrue compares the measured phases with the time that the server took, for every kind of connection.
func TestPhasesAreTrue(t *testing.T) {
	for _, ip := range []struct{ network, listen, address string }{{"tcp4", "127.0.0.1:0", "127.0.0.1"}, {"tcp6", "[::1]:0", "::1"}} {
		for _, version := range []string{"1.1", "2"} {
			for _, connection := range []probe.Connection{probe.Fresh, probe.Reuse} {
				t.Run(fmt.Sprintf("%s HTTP %s %s", ip.network, version, connection), func(t *testing.T) {
					t.Parallel()
					port, ca := leisurely(t, ip.network, ip.listen, version == "2")
					n := probe.Network{CA: ca, Resolver: nameserver(t, ip.address), Proxy: secret.New(probe.NoProxy)}
					var options probe.RunnerOptions
					if err := n.Route(&options); err != nil {
						t.Fatal(err)
					}
					body := secret.New(strings.Repeat("x", 16<<20))
					j := job(t, "https://example.com:"+port, probe.Probe{Path: "/", Connection: connection, Body: body}, options)
					for round := range 2 {
						r := j.Run(t.Context(), time.Now())
						if !r.Expected {
							t.Fatal(r.Reason)
						}
						a := r.Attempts[0]
						checkAttempts(t, r)
						addUp(t, a)
						if a.Protocol != version || a.Peer != net.JoinHostPort(ip.address, port) {
							t.Errorf("want HTTP %s with %s, got HTTP %s with %s", version, ip.address, a.Protocol, a.Peer)
						}
						want := "send wait receive"
						if reused := connection == probe.Reuse && round == 1; !reused {
							want = "dns connect tls " + want
							atLeast(t, a, probe.PhaseDNS, dnsTakes/2)
							atLeast(t, a, probe.PhaseTLS, tlsTakes/2)
						} else if !a.Reused {
							t.Error("want the connection reused")
						}
						if got := kindsOf(a); got != want {
							t.Errorf("want phases %s, got %s", want, got)
						}
						atLeast(t, a, probe.PhaseSend, sendTakes/2)
						atLeast(t, a, probe.PhaseWait, waitTakes/2)
						atLeast(t, a, probe.PhaseReceive, receiveTakes/2)
					}
				})
			}
		}
	}
}

// TestWaitEndsWithTheAnswerAfterAHint checks that the wait phase continues after 103 Early Hints until the head of the answer.
func TestWaitEndsWithTheAnswerAfterAHint(t *testing.T) {
	for _, http1 := range []bool{true, false} {
		server, pool := aisquaretest.StartTLS(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			<-time.After(waitTakes)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-time.After(receiveTakes)
		}), aisquaretest.TLSOptions{HTTP1: http1})
		r := job(t, server.URL, probe.Probe{Path: "/"},
			probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}).Run(t.Context(), time.Now())
		server.Close()
		checkAttempts(t, r)
		if got := kindsOf(r.Attempts[0]); !r.Expected || got != "connect tls send wait receive" {
			t.Errorf("HTTP/1 %v: want every phase, got %s (%s)", http1, got, r.Reason)
		}
		atLeast(t, r.Attempts[0], probe.PhaseWait, waitTakes/2)
		atLeast(t, r.Attempts[0], probe.PhaseReceive, receiveTakes/2)
	}
}

// TestOnlyTheUsedAddressIsMeasured has another address whose dial fails or hangs. It must not appear in the phases.
func TestOnlyTheUsedAddressIsMeasured(t *testing.T) {
	for name, other := range map[string]func(t *testing.T, port string){
		"the first is refused": func(*testing.T, string) {},
		"the first hangs":      func(t *testing.T, port string) { t.Helper(); full(t, "tcp6", "[::1]:"+port) },
	} {
		for _, version := range []string{"1.1", "2"} {
			t.Run(name+", HTTP "+version, func(t *testing.T) {
				t.Parallel()
				port, ca := leisurely(t, "tcp4", "127.0.0.1:0", version == "2")
				other(t, port)
				n := probe.Network{CA: ca, Resolver: nameserver(t, "::1", "127.0.0.1"), Proxy: secret.New(probe.NoProxy)}
				r := routed(t, "https://example.com:"+port, n, probe.Probe{Path: "/"})
				if !r.Expected {
					t.Fatal(r.Reason)
				}
				a := r.Attempts[0]
				checkAttempts(t, r)
				addUp(t, a)
				if got := kindsOf(a); got != "dns connect tls send wait receive" || a.Peer != "127.0.0.1:"+port {
					t.Errorf("want every phase once, with 127.0.0.1, got %s with %s", got, a.Peer)
				}
				atLeast(t, a, probe.PhaseDNS, dnsTakes/2)
				atLeast(t, a, probe.PhaseTLS, tlsTakes/2)
				atLeast(t, a, probe.PhaseWait, waitTakes/2)
			})
		}
	}
}

// chain creates a root, and an intermediate and a leaf that expire after the given days. It returns the chain that a server sends,
// and the root.
func chain(t *testing.T, intermediateDays, leafDays int) (tls.Certificate, []byte) {
	t.Helper()
	var parent *x509.Certificate
	var parentKey *ecdsa.PrivateKey
	var ders [][]byte
	for i, days := range []int{3650, intermediateDays, leafDays} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprintf("certificate %d", i)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour),
			IsCA: i < 2, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		signer := cmp.Or(parentKey, key)
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		ders = append(ders, der)
		if parent, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		parentKey = key
	}
	return tls.Certificate{Certificate: [][]byte{ders[2], ders[1]}, PrivateKey: parentKey}, ders[0]
}

// TestEveryCertificateOfTheChainMustBeValid has an intermediate certificate that expires before that of the server.
func TestEveryCertificateOfTheChainMustBeValid(t *testing.T) {
	for _, c := range []struct {
		intermediate, leaf int
		reason             string
	}{{60, 90, ""}, {10, 90, "expires in 10 days"}, {90, 10, "expires in 10 days"}} {
		certificate, root := chain(t, c.intermediate, c.leaf)
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		path := filepath.Join(t.TempDir(), "root.pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), 0o600); err != nil {
			t.Fatal(err)
		}
		n := probe.Network{CA: path, Proxy: secret.New(probe.NoProxy)}
		r := routed(t, server.URL, n, probe.Probe{Path: "/", Expect: probe.Expect{Status: selectors("404"), CertificateDays: 14}})
		if r.Code != 404 || r.Expected != (c.reason == "") || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("intermediate %d days, own %d days: want %q, got expected=%v %q", c.intermediate, c.leaf, c.reason, r.Expected, r.Reason)
		}
		want := time.Now().Add(time.Duration(min(c.intermediate, c.leaf)) * 24 * time.Hour)
		if got := r.Attempts[0].CertificateExpiry; got.Sub(want).Abs() > 2*time.Hour {
			t.Errorf("expiry: want about %v, got %v", want, got)
		}
	}
}
