//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// limitedNginx starts an nginx that passes one request a minute, and answers others with a code and Retry-After.
func limitedNginx(t *testing.T, api string, code int) *front {
	t.Helper()
	f := newFront(t)
	f.run("nginx", strings.Replace(nginxConfig(api), "location / {",
		"limit_req zone=one; limit_req_status "+strconv.Itoa(code)+"; add_header Retry-After 7 always; location / {", 1),
		syscall.SIGHUP, "-p", filepath.Dir(f.ca), "-c")
	return f
}

// limitedHAProxy starts an HAProxy that does the same.
func limitedHAProxy(t *testing.T, api string, code int) *front {
	t.Helper()
	f := newFront(t)
	limit := `  stick-table type ip size 1k expire 60s store http_req_rate(60s)
  http-request track-sc0 src
  http-request deny deny_status ` + strconv.Itoa(code) + ` if { sc_http_req_rate(0) gt 1 }
  http-after-response set-header Retry-After 7
  default_backend api`
	f.run("haproxy", strings.Replace(haproxyConfig(api), "  default_backend api", limit, 1), syscall.SIGUSR2, "-W", "-db", "-f")
	return f
}

// judged is the class and the blame of a run.
type judged struct {
	Class, Blame   string
	Code, Attempts int
}

// probe runs the only probe of a file, and returns the class and the blame of the run.
func (f *front) probe(file string) (run judged) {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), binary(f.t), "probe", "--config", file, "--json")
	out, err := cmd.Output()
	if json.Unmarshal(out, &run) != nil {
		said := ""
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			said = string(failed.Stderr)
		}
		f.t.Fatalf("%v: %s%s", err, out, said)
	}
	return run
}

// TestFrontsThatLimitTheRate lets nginx and HAProxy refuse the second request of a minute with 429 or 503, with Retry-After and their own
// page. The class is that of the code, and the gateway is blamed.
func TestFrontsThatLimitTheRate(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, string, int) *front{"nginx": limitedNginx, "haproxy": limitedHAProxy} {
		for code, class := range map[int]string{429: "rate_limited", 503: "server_error"} {
			t.Run(fmt.Sprintf("%s %d", name, code), func(t *testing.T) {
				api := aisquaretest.New(aisquaretest.Options{})
				server := aisquaretest.Start(api)
				t.Cleanup(server.Close)
				f := begin(t, server.URL, code)
				file := filepath.Join(filepath.Dir(f.ca), "squarewatch.yaml")
				f.write(file, f.settings("state_dir: none", "", 1)+"    confirm: {attempts: 2, delay: 1s}\n")
				for i, want := range []judged{{"success", "", 200, 1}, {class, "gateway", code, 1}} { // Retry-After keeps confirm from asking again
					if got := f.probe(file); got != want {
						t.Errorf("run %d: want %v, got %v", i+1, want, got)
					}
				}
			})
		}
	}
}

// restartingAPI is an API that can stop, and start again at the same address.
type restartingAPI struct {
	t       *testing.T
	address string
	server  *http.Server
}

func (a *restartingAPI) start() {
	a.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(a.t.Context(), "tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.server = &http.Server{Handler: aisquaretest.New(aisquaretest.Options{})}
	go func(s *http.Server) { _ = s.Serve(listener) }(a.server)
}

func (a *restartingAPI) stop() { _ = a.server.Close() }

// TestFrontsWhoseUpstreamRestarts stops and starts the API behind nginx and HAProxy, while connections are kept. Every bad run must be a
// server error, and afterwards every probe must be good again.
func TestFrontsWhoseUpstreamRestarts(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, string) *front{"nginx": nginxFront, "haproxy": haproxyFront} {
		t.Run(name, func(t *testing.T) {
			api := &restartingAPI{t: t, address: "127.0.0.1:" + freePort(t)}
			api.start()
			t.Cleanup(func() { api.stop() })
			f := begin(t, "http://"+api.address)
			listen := f.daemon("", 10)
			up := func() int { return f.sum(listen, "squarewatch_probe_up", "probe=") }
			for range 3 {
				eventually(t, 30*time.Second, "all probes are good", func() bool { return up() == 10 })
				api.stop()
				eventually(t, 30*time.Second, "all probes are bad", func() bool { return up() == 0 })
				api.start()
			}
			eventually(t, 30*time.Second, "all probes are good again", func() bool { return up() == 10 })
			bad := f.sum(listen, "squarewatch_probe_runs_total", `expected="false"`)
			gateway := f.sum(listen, "squarewatch_probe_runs_total", `class="server_error"`)
			t.Logf("%d bad runs, %d of them answered by %s", bad, gateway, name)
			if bad != gateway || bad < 30 {
				_, page, _ := get(t.Context(), "http://"+listen+"/metrics")
				t.Errorf("want at least 30 bad runs, all server errors, got %d of %d:\n%s", gateway, bad, page)
			}
		})
	}
}
