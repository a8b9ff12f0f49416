//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// probed is what one run of the command probe reports.
type probed struct {
	Class    string
	Expected bool
	Reason   string
}

// probeOnce probes the discovery document of a target with the settings of network.
func probeOnce(t *testing.T, target, network string) probed {
	t.Helper()
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := fmt.Sprintf("target: %s\nallow_http: true\ncatalogue: [reach]\nstate_dir: none\ndefaults: {timeout: 3s}\nnetwork: {%s}\n",
		target, network)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), binary(t), "probe", "--json", "--config", file).Output() // its status is that of the run
	var p probed
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatalf("want one line of JSON, got %q, %v", out, err)
	}
	return p
}

// wants compares a run with its class and a part of its reason; an expected run has none.
func (p probed) wants(t *testing.T, what, class, reason string) {
	t.Helper()
	if p.Class != class || p.Expected != (reason == "") || !strings.Contains(p.Reason, reason) {
		t.Errorf("%s: want %s and %q, got %+v", what, class, reason, p)
	}
}

// TestAProxyThatIsTinyproxy probes through a real proxy that lets targets through, refuses them, cannot reach them, and is down.
func TestAProxyThatIsTinyproxy(t *testing.T) {
	folder, port := t.TempDir(), freePort(t)
	target, _ := aisquaretest.StartTLS(aisquaretest.New(aisquaretest.Options{}), aisquaretest.TLSOptions{})
	t.Cleanup(target.Close)
	f := newFront(t)
	f.writePEM(target.Certificate())
	config := filepath.Join(folder, "tinyproxy.conf")
	_, targetPort, _ := net.SplitHostPort(target.Listener.Addr().String())
	dead := freePort(t)
	f.write(config, "Port "+port+"\nListen 127.0.0.1\nTimeout 60\nLogLevel Connect\nConnectPort "+targetPort+"\nConnectPort "+dead+"\n")
	cmd := exec.CommandContext(t.Context(), "tinyproxy", "-d", "-c", config)
	start(t, cmd)
	eventually(t, 20*time.Second, "tinyproxy listens", func() bool { return listens("127.0.0.1:" + port) })
	through := func(target string) probed {
		return probeOnce(t, target, fmt.Sprintf("ca: %s, proxy: \"http://127.0.0.1:%s\"", f.ca, port))
	}
	proxy := "the proxy 127.0.0.1:" + port
	through(target.URL).wants(t, "a target that may be reached", "success", "")
	through("https://127.0.0.1:"+dead).wants(t, "a target that is down", "connect_error", proxy+" answered 500")
	through("https://127.0.0.1:"+freePort(t)).wants(t, "a port that the proxy refuses", "connect_error", proxy+" answered 403")
	if _, err := stop(t, cmd); err != nil {
		t.Log(err)
	}
	through(target.URL).wants(t, "a proxy that is down", "connect_error", "127.0.0.1:"+port)
}

// TestAResolverThatIsDnsmasq resolves with a real DNS server that knows the name, does not know it, and is down.
func TestAResolverThatIsDnsmasq(t *testing.T) {
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	t.Cleanup(target.Close)
	_, targetPort, _ := net.SplitHostPort(target.Listener.Addr().String())
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
		"--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces", "--port="+port,
		"--address=/api.aisquare.test/127.0.0.1", "--address=/none.aisquare.test/", "--user=root")
	start(t, cmd)
	eventually(t, 20*time.Second, "dnsmasq listens", func() bool { return listens("127.0.0.1:" + port) })
	resolver := "127.0.0.1:" + port
	resolved := func(name string) probed {
		return probeOnce(t, "http://"+name+":"+targetPort, fmt.Sprintf("resolver: %q", resolver))
	}
	resolved("api.aisquare.test").wants(t, "a known name", "success", "")
	resolved("none.aisquare.test").wants(t, "a name that does not exist", "dns_error", resolver)
	resolved("www.example.org").wants(t, "a name that the resolver may not forward", "dns_error", resolver)
	if _, err := stop(t, cmd); err != nil {
		t.Log(err)
	}
	resolved("api.aisquare.test").wants(t, "a resolver that is down", "dns_error", resolver)
}
