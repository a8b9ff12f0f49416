package probe_test

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func routed(t *testing.T, target string, n probe.Network, p probe.Probe) *probe.Result {
	t.Helper()
	var options probe.RunnerOptions
	if err := n.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := n.Route(&options); err != nil {
		t.Fatal(err)
	}
	return job(t, target, p, options).Run(t.Context(), time.Now())
}

// caFile writes a server's certificate to a file that a network can name.
func caFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOwnCAIsTrustedAndItsExpiryIsReported(t *testing.T) {
	server, _ := aisquaretest.StartTLS(aisquaretest.New(aisquaretest.Options{}), aisquaretest.TLSOptions{}) // valid for 30 days
	defer server.Close()
	n := probe.Network{CA: caFile(t, server), Proxy: secret.New(probe.NoProxy)}
	if r := routed(t, server.URL, n, probe.Probe{Path: discovery, Expect: probe.Expect{CertificateDays: 14}}); !r.Expected {
		t.Errorf("want it trusted, got %s", r.Reason)
	}
	r := routed(t, server.URL, n, probe.Probe{Path: discovery, Expect: probe.Expect{CertificateDays: 60}})
	if r.Expected || !strings.Contains(r.Reason, "expected at least 60 days") {
		t.Errorf("want the expiry in the reason, got expected=%v %q", r.Expected, r.Reason)
	}
}

func TestClientCertificateIsSent(t *testing.T) {
	shown := make(chan int, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request,
	) {
		shown <- len(r.TLS.PeerCertificates)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	ca := caFile(t, server)
	// The client uses the certificate of the server.
	key, err := os.CreateTemp(t.TempDir(), "key")
	if err != nil {
		t.Fatal(err)
	}
	der := marshalKey(t, server.TLS.Certificates[0].PrivateKey)
	if err := pem.Encode(key, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		t.Fatal(err)
	}
	r := routed(t, server.URL, probe.Network{CA: ca, ClientCertificate: ca, ClientKey: key.Name(), Proxy: secret.New(probe.NoProxy)},
		probe.Probe{Path: "/"})
	if !r.Expected {
		t.Fatalf("want the request accepted, got %s", r.Reason)
	}
	if n := <-shown; n != 1 {
		t.Errorf("want one certificate sent, got %d", n)
	}
}

func TestProxyIsUsed(t *testing.T) {
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	defer proxy.Close()
	r := routed(t, "http://api.test", probe.Network{Proxy: secret.New(proxy.URL)}, probe.Probe{
		Path:    "/x/",
		Headers: map[string]secret.Text{"Host": secret.New("virtual.test")},
	})
	if !r.Expected {
		t.Fatalf("want an answer from the proxy, got %s", r.Reason)
	}
	if got := <-asked; got != "http://virtual.test/x/" && got != "http://api.test/x/" {
		t.Errorf("the proxy was asked for %s", got)
	}
}

func TestProxyOfTheEnvironment(t *testing.T) {
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Method + " " + r.RequestURI }))
	defer proxy.Close()
	t.Setenv("REQUEST_METHOD", "")
	t.Setenv("NO_PROXY", "direct.test")
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	for target, want := range map[string]string{"http://api.test": "GET http://api.test/x/", "https://api.test": "CONNECT api.test:443"} {
		routed(t, target, probe.Network{}, probe.Probe{Path: "/x/"})
		if got := <-asked; got != want {
			t.Errorf("%s: want the proxy asked for %s, got %s", target, want, got)
		}
	}
	directly := probe.Probe{Path: "/", Timeout: time.Second} // to a name that does not exist
	if r := routed(t, "http://direct.test", probe.Network{}, directly); r.Expected || len(asked) > 0 {
		t.Errorf("a host of NO_PROXY: the proxy was asked, or %s", r.Reason)
	}
	if r := routed(t, "http://api.test", probe.Network{Proxy: secret.New(probe.NoProxy)}, directly); r.Expected || len(asked) > 0 {
		t.Errorf("proxy: none: the proxy was asked, or %s", r.Reason)
	}
}

// TestRefusingProxyIsAConnectError has a proxy that refuses to connect, with and without TLS to the proxy.
func TestRefusingProxyIsAConnectError(t *testing.T) {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	plain := httptest.NewServer(refuse)
	defer plain.Close()
	encrypted := httptest.NewTLSServer(refuse)
	defer encrypted.Close()
	for _, proxy := range []string{plain.URL, encrypted.URL} {
		_, host, _ := strings.Cut(proxy, "://")
		n := probe.Network{CA: caFile(t, encrypted), Proxy: secret.New(proxy)}
		r := routed(t, "https://api.example.test", n, probe.Probe{Path: "/"})
		if r.Class != probe.ConnectError || r.Reason != "no connection: the proxy "+host+" answered 502 Bad Gateway" {
			t.Errorf("%s: want connect_error, got %v (%s)", proxy, r.Class, r.Reason)
		}
	}
	n := probe.Network{Proxy: secret.New(encrypted.URL)}
	if r := routed(t, "https://api.example.test", n, probe.Probe{Path: "/"}); r.Class != probe.TLSError {
		t.Errorf("a proxy that is not trusted: want tls_error, got %v (%s)", r.Class, r.Reason)
	}
}

// TestWhatAProxyAnswersToCONNECT has proxies with phrases of their own, as Squid has for its rules, and without one, which RFC 9112,
// section 4, allows. Any 2xx is a tunnel: RFC 9110, section 9.3.6.
func TestWhatAProxyAnswersToCONNECT(t *testing.T) {
	for status, reason := range map[string]string{
		"403 Forbidden by policy": "no connection: the proxy PROXY answered 403 Forbidden by policy",
		"403 ":                    "no connection: the proxy PROXY answered 403",
		"407 Login":               "no connection: the proxy PROXY answered 407 Login",
		"201 Created":             "no trusted TLS session",
		"200 OK":                  "no trusted TLS session",
	} {
		proxy := raw(t, answering("HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"))
		r := routed(t, "https://api.example.test", probe.Network{Proxy: secret.New("http://me:hunter2@" + proxy)}, probe.Probe{Path: "/"})
		want := strings.Replace(reason, "PROXY", proxy, 1)
		if got := strings.TrimSpace(r.Reason); !strings.HasPrefix(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: want %q, got %s %q", status, want, r.Class, got)
		}
	}
}

func TestHostHeaderIsOverridden(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Host }))
	defer server.Close()
	routed(t, server.URL, probe.Network{Proxy: secret.New(probe.NoProxy)}, probe.Probe{
		Path:    "/",
		Headers: map[string]secret.Text{"Host": secret.New("virtual.test")},
	})
	if got := <-asked; got != "virtual.test" {
		t.Errorf("want Host virtual.test, got %s", got)
	}
}

func TestPreferredFamilyFallsBackAndResolverIsUsed(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, prefer := range []string{"ipv4", "ipv6"} {
		if r := routed(t, "http://localhost:"+port, probe.Network{Prefer: prefer, Proxy: secret.New(probe.NoProxy)},
			probe.Probe{Path: discovery}); !r.Expected {
			t.Errorf("prefer %s: %s", prefer, r.Reason)
		}
	}
	r := routed(t, "http://somewhere.test", probe.Network{Resolver: "127.0.0.1:1", Proxy: secret.New(probe.NoProxy)},
		probe.Probe{Path: discovery, Timeout: 3 * time.Second})
	if r.Class != probe.DNSError && r.Class != probe.Timeout {
		t.Errorf("a resolver that does not exist: want dns_error, got %v (%s)", r.Class, r.Reason)
	}
}

// TestHangingPreferredFamilyFallsBack checks which address is used when both families have one.
func TestHangingPreferredFamilyFallsBack(t *testing.T) {
	for _, c := range []struct {
		name, prefer, peer string
		other              func(t *testing.T, port string) // on ::1
	}{
		{"IPv6 is there", "ipv6", "[::1]", listen6},
		{"IPv6 is there, and not preferred", "ipv4", "127.0.0.1", listen6},
		{"IPv6 refuses", "ipv6", "127.0.0.1", func(*testing.T, string) {}},
		{"IPv6 hangs", "ipv6", "127.0.0.1", func(t *testing.T, port string) { t.Helper(); full(t, "tcp6", "[::1]:"+port) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, port, _ := net.SplitHostPort(raw(t, answering("HTTP/1.1 204 None\r\n\r\n")))
			c.other(t, port)
			n := probe.Network{Prefer: c.prefer, Resolver: nameserver(t, "127.0.0.1", "::1"), Proxy: secret.New(probe.NoProxy)}
			r := routed(t, "http://api.test:"+port, n, probe.Probe{Path: "/"})
			a := r.Attempts[0]
			checkAttempts(t, r)
			if !r.Expected || a.Peer != c.peer+":"+port || kindsOf(a) != "dns connect send wait receive" {
				t.Errorf("want %s used, got %s with phases %s (%s)", c.peer, a.Peer, kindsOf(a), r.Reason)
			}
			if c.name == "IPv6 hangs" {
				atLeast(t, a, probe.PhaseConnect, 200*time.Millisecond)
			}
		})
	}
}

// listen6 also serves a port over IPv6.
func listen6(t *testing.T, port string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp6", "[::1]:"+port)
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		ReadHeaderTimeout: time.Minute,
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
}

func TestWrongNetworkSettings(t *testing.T) {
	for want, n := range map[string]probe.Network{
		"prefer is":                {Prefer: "ipv5"},
		"resolver is":              {Resolver: "dns.example"},
		"are needed together":      {ClientCertificate: "a.pem"},
		"proxy is not the address": {Proxy: secret.New("://")},
	} {
		if err := n.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	missing := probe.Network{CA: "/no/such/file"}
	if err := missing.Route(&probe.RunnerOptions{}); err == nil || !strings.Contains(err.Error(), "network.ca") {
		t.Errorf("a missing CA: got %v", err)
	}
}
