//go:build e2e

package e2e_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// front is a real server before an API, with TLS and HTTP/2.
type front struct {
	t      *testing.T
	ca     string // a file
	target string // its URL
	cmd    *exec.Cmd
	log    *output
	hup    syscall.Signal // makes it read its file again
	file   string
}

// newFront prepares a certificate and an address.
func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{t: t, target: "https://127.0.0.1:" + freePort(t)}
	f.ca = filepath.Join(t.TempDir(), "front.pem")
	f.write(f.ca, certificate(t))
	return f
}

// writePEM makes another certificate the one to trust.
func (f *front) writePEM(cert *x509.Certificate) {
	f.t.Helper()
	f.write(f.ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
}

func (f *front) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// run starts the server with a file that it reads.
func (f *front) run(name, text string, hup syscall.Signal, arguments ...string) {
	f.t.Helper()
	f.hup, f.file = hup, filepath.Join(filepath.Dir(f.ca), name+".conf")
	folder, port := filepath.Dir(f.ca), f.target[strings.LastIndex(f.target, ":")+1:]
	f.write(f.file, strings.NewReplacer("PORT", port, "FOLDER", folder, "PEM", f.ca).Replace(text))
	f.cmd = exec.CommandContext(f.t.Context(), name, append(arguments, f.file)...)
	f.cmd.Dir = folder
	f.log = start(f.t, f.cmd)
	eventually(f.t, 20*time.Second, name+" listens", func() bool { return listens("127.0.0.1:" + port) })
}

// listens reports whether a server accepts connections at an address.
func listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// reload makes the server read its file again.
func (f *front) reload() {
	if err := f.cmd.Process.Signal(f.hup); err != nil {
		f.t.Error(err)
	}
}

// nginxConfig is the file of an nginx before an API; its zone is for limits.
func nginxConfig(api string) string {
	return `daemon off;
pid FOLDER/nginx.pid;
error_log stderr warn;
worker_processes 2;
events { worker_connections 256; }
http {
  access_log off;
  keepalive_timeout 60s;
  client_body_buffer_size 2m; # a worker may have another user, who cannot write to the folder
  client_body_temp_path FOLDER/body;
  proxy_temp_path FOLDER/proxy;
  fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi;
  scgi_temp_path FOLDER/scgi;
  limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
  upstream api { server ` + strings.TrimPrefix(api, "http://") + `; keepalive 16; }
  server {
    listen 127.0.0.1:PORT ssl http2;
    ssl_certificate PEM;
    ssl_certificate_key PEM;
    location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`
}

func nginxFront(t *testing.T, api string) *front {
	t.Helper()
	f := newFront(t)
	f.run("nginx", nginxConfig(api), syscall.SIGHUP, "-p", filepath.Dir(f.ca), "-c")
	return f
}

// haproxyConfig is the file of an HAProxy before an API.
func haproxyConfig(api string) string {
	return `defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:PORT ssl crt PEM alpn h2,http/1.1
  default_backend api
backend api
  server api ` + strings.TrimPrefix(api, "http://") + `
`
}

func haproxyFront(t *testing.T, api string) *front {
	t.Helper()
	f := newFront(t)
	f.run("haproxy", haproxyConfig(api), syscall.SIGUSR2, "-W", "-db", "-f")
	return f
}

// TestFrontsThatReload has nginx and HAProxy reload every second under kept connections. No run may fail.
func TestFrontsThatReload(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, string) *front{"nginx": nginxFront, "haproxy": haproxyFront} {
		for _, version := range []string{"1.1", ""} {
			t.Run(strings.TrimSpace(name+" "+version), func(t *testing.T) {
				api := aisquaretest.New(aisquaretest.Options{})
				api.SetFault("*", aisquaretest.Fault{Status: 200, Delay: 200 * time.Millisecond}) // so that requests are under way at a reload
				server := aisquaretest.Start(api)
				t.Cleanup(server.Close)
				f := begin(t, server.URL)
				f.watch(version)
			})
		}
	}
}

const (
	frontProbes  = 40
	frontReloads = 20
)

// settings returns a configuration file whose target is the front. It has the given line, version of HTTP and number of probes.
func (f *front) settings(line, version string, probes int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "target: %s\ncatalogue: none\n%s\nnetwork: {ca: %s", f.target, line, f.ca)
	if version != "" {
		fmt.Fprintf(&text, ", http: %q", version)
	}
	text.WriteString("}\ndefaults: {schedule: \"@every 1s\", connection: reuse}\nprobes:\n")
	for i := range probes {
		fmt.Fprintf(&text, "  - name: p%d\n    path: /o/.well-known/openid-configuration\n", i)
	}
	return text.String()
}

// daemon starts a squarewatch that asks the front, and returns where it listens.
func (f *front) daemon(version string, probes int) (listen string) {
	f.t.Helper()
	listen = "127.0.0.1:" + freePort(f.t)
	file := filepath.Join(filepath.Dir(f.ca), "squarewatch.yaml")
	f.write(file, f.settings("state_dir: none\nlisten: "+listen, version, probes))
	start(f.t, exec.CommandContext(f.t.Context(), binary(f.t), "run", "--config", file))
	eventually(f.t, 30*time.Second, "the daemon listens", func() bool { return listens(listen) })
	return listen
}

// watch runs squarewatch while the server reloads.
func (f *front) watch(version string) {
	f.t.Helper()
	listen := f.daemon(version, frontProbes)
	runs := func(labels string) int { return f.sum(listen, "squarewatch_probe_runs_total", labels) }
	eventually(f.t, 30*time.Second, "the first runs", func() bool { return runs("") >= frontProbes })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range frontReloads {
		f.reload()
		<-tick.C
	}
	all, bad := runs(""), runs(`expected="false"`)
	f.t.Logf("%d reloads, %d runs over %d connections, %d false failures", frontReloads, all,
		f.sum(listen, "squarewatch_probe_phase_duration_seconds_count", `phase="tls"`), bad)
	if bad > 0 || all < frontProbes*frontReloads/2 {
		_, page, _ := get(f.t.Context(), "http://"+listen+"/index.json?state=bad")
		f.t.Errorf("want no failure of %d runs, got %d: %s", all, bad, page)
	}
}

// sum adds the samples of a metric whose labels have a text.
func (f *front) sum(listen, name, labels string) int {
	f.t.Helper()
	_, page, err := get(f.t.Context(), "http://"+listen+"/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	total := 0.0
	for _, sample := range regexp.MustCompile(`(?m)^`+name+`{(.*)} (\S+)$`).FindAllStringSubmatch(page, -1) {
		if value, err := strconv.ParseFloat(sample[2], 64); err == nil && strings.Contains(sample[1], labels) {
			total += value
		}
	}
	return int(total)
}
