package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"squarewatch/config"
	"squarewatch/config/secret"
)

// overPort returns a client that reaches the port, as curl does.
func overPort() *http.Client {
	return &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
}

func everything() string {
	return `{"all": true, "until": "` + time.Now().Add(time.Hour).Format(time.RFC3339) + `", "by": "the boss"}`
}

// A local user cannot mute anything over the port without the token. A caller cannot mute under another name.
func TestAttackALocalUserSilences(t *testing.T) {
	l := newLive(t)
	for what, ask := range map[string][3]string{
		"add":    {http.MethodPost, "/api/v1/silences", everything()},
		"remove": {http.MethodDelete, "/api/v1/silences/abcdefgh", ""},
		"reload": {http.MethodPost, "/-/reload", ""},
	} {
		for _, header := range []http.Header{nil, {"Authorization": {"Bearer wrong"}}, {"Authorization": {"Bearer "}}} {
			status, said := l.request(overPort(), ask[0], ask[1], ask[2], header)
			if status != http.StatusForbidden || !strings.Contains(said, "as root or as a member") {
				t.Errorf("%s with %v: want it refused, got %d %s", what, header, status, said)
			}
		}
	}
	if !strings.Contains(l.log.String(), "a change was refused") {
		t.Error("want the refusal in the log")
	}
	status, said := l.request(overPort(), http.MethodPost, "/api/v1/silences", everything(),
		http.Header{"Authorization": {"Bearer top-secret"}})
	if status != http.StatusCreated || !strings.Contains(said, `"by":"a holder of web.token, on behalf of the boss"`) {
		t.Errorf("with the token: want the silence accepted and the holder of the token named, got %d %s", status, said)
	}
	me := admitted(uint32(os.Geteuid()), uint32(os.Getegid()))
	if status, said := l.request(l.overSocket(), http.MethodPost, "/api/v1/silences", everything(), nil); status != http.StatusCreated ||
		!strings.Contains(said, `"by":"`+me+`, on behalf of the boss"`) {
		t.Errorf("over the socket: want the silence accepted and the caller named, got %d %s", status, said)
	}
	log := l.log.String()
	if strings.Count(log, "a silence was added") != 2 || !strings.Contains(log, `by="`+me+`, on behalf of the boss"`) {
		t.Errorf("want the name of the caller in the log, got %s", log)
	}
	if strings.Contains(log, "top-secret") {
		t.Errorf("want no token in the log, got %s", log)
	}
}

// A client of the port cannot fill the log. A full log would make the journal drop the lines about alerts.
func TestAttackWithManyRefusedChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, sceneFile, func(o *Options) { o.Peer = func(net.Conn) string { return "" } })
		defer s.stop()
		refusals := func() int { return strings.Count(s.log.String(), "a change was refused") }
		for range 1000 {
			if _, err := s.post("/-/reload", ""); err == nil {
				t.Fatal("want the reload refused")
			}
		}
		if n := refusals(); n != 1 {
			t.Errorf("want one line in the log, got %d", n)
		}
		s.after(2 * time.Minute)
		_, _ = s.post("/-/reload", "")
		if n := refusals(); n != 2 || !strings.Contains(s.log.String(), "before=999") {
			t.Errorf("want another line with the number of earlier refusals, got %d", n)
		}
	})
}

// The kernel lets only the user and the group of the service connect to the socket.
func TestAttackAnotherUserConnectsToTheSocket(t *testing.T) {
	l := newLive(t)
	paths, err := filepath.Glob(filepath.Join(l.state, "*.sock"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("want one socket, got %v, %v", paths, err)
	}
	if info, err := os.Stat(paths[0]); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("want the mode 0660, got %v, %v", info.Mode(), err)
	}
	if got := admitted(4242, 4242); got != "" {
		t.Errorf("want another user refused, got %q", got)
	}
	if got := admitted(0, 0); got != "root" {
		t.Errorf("want root admitted, got %q", got)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can try it as another user")
	}
	for at := paths[0]; at != "/"; at = filepath.Dir(at) { // so that the socket's own mode decides
		if info, err := os.Stat(filepath.Dir(at)); err == nil && info.Mode().Perm()&1 == 0 {
			if err := os.Chmod(filepath.Dir(at), info.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := connectAs(paths[0], 4242); !errors.Is(err, unix.EACCES) {
		t.Errorf("want the kernel to refuse another user, got %v", err)
	}
	if err := connectAs(paths[0], 0); err != nil {
		t.Errorf("want root connected, got %v", err)
	}
}

// connectAs connects to a socket with another user's permissions. The thread is not used again.
func connectAs(path string, uid int) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if uid != 0 {
			_, _ = unix.SetfsgidRetGid(uid)
			_, _ = unix.SetfsuidRetUid(uid)
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
			_ = unix.Close(fd)
		}
		result <- err
	}()
	return <-result
}

// TestAttackWithAProgramOnThePort runs another program on the port of a stopped daemon.
func TestAttackWithAProgramOnThePort(t *testing.T) {
	var tokens []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		respond(w, http.StatusOK, statusJSON{})
	}))
	defer other.Close()
	cfg := &config.Config{Sections: config.Sections{Listen: strings.TrimPrefix(other.URL, "http://")}}
	cfg.Web.Token = secret.New("top-secret")
	c := newClient(cfg)
	for _, path := range []string{"/api/v1/status", "/api/v1/silences"} {
		if err := c.ask(t.Context(), http.MethodGet, path, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ask(t.Context(), http.MethodPost, "/-/reload", nil, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "", "Bearer top-secret"}, tokens); diff != "" {
		t.Errorf("want a token only with a change (-want +got):\n%s", diff)
	}
}

// TestAttackThroughABrowserOrAProxy covers DNS rebinding and requests that a reverse proxy forwards.
func TestAttackThroughABrowserOrAProxy(t *testing.T) {
	l := newLive(t)
	const token = "Bearer top-secret"
	own, _ := os.Hostname()
	for _, test := range []struct {
		header http.Header
		want   int
	}{
		{http.Header{"Host": {"evil.example:9477"}}, http.StatusForbidden},
		{http.Header{"Host": {"evil.example"}}, http.StatusForbidden},
		{http.Header{"Host": {"127.0.0.1.evil.example:9477"}}, http.StatusForbidden},
		{http.Header{"Host": {"evil.example:9477"}, "Authorization": {token}}, http.StatusForbidden},
		{http.Header{"X-Forwarded-For": {"127.0.0.1"}}, http.StatusForbidden},
		{http.Header{"X-Forwarded-Host": {"localhost"}}, http.StatusForbidden},
		{http.Header{"X-Real-Ip": {"127.0.0.1"}}, http.StatusForbidden},
		{http.Header{"Forwarded": {"for=127.0.0.1"}}, http.StatusForbidden},
		{http.Header{"Forwarded": {"for=127.0.0.1"}, "Authorization": {token}}, http.StatusOK},
		{http.Header{"Host": {"watch.example.org"}}, http.StatusOK},
		{http.Header{"Host": {"WATCH.example.org.:443"}}, http.StatusOK},
		{http.Header{"Host": {"localhost:9477"}}, http.StatusOK},
		{http.Header{"Host": {"[::1]:9477"}}, http.StatusOK},
		{http.Header{"Host": {"[::1]"}}, http.StatusOK},
		{http.Header{"Host": {"192.0.2.7:9477"}}, http.StatusOK},
		{http.Header{"Host": {own + ":9477"}}, http.StatusOK},
		{nil, http.StatusOK},
	} {
		for _, path := range []string{"/api/v1/status", "/metrics", "/api/v1/silences", "/-/healthy"} {
			if got, said := l.request(overPort(), http.MethodGet, path, "", test.header); got != test.want {
				t.Errorf("%s with %v: want %d, got %d %s", path, test.header, test.want, got, said)
			}
		}
	}
	if got, _ := l.request(overPort(), http.MethodPost, "/api/v1/silences", everything(), http.Header{
		"Authorization": {token}, "Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"},
	}); got != http.StatusForbidden {
		t.Errorf("a page of another origin: want it refused, got %d", got)
	}
}

// Control characters are refused on entry and removed on output.
func TestAttackWithEscapeSequences(t *testing.T) {
	l := newLive(t)
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, evil := range []string{`\u001b]0;PWN\u0007`, `a\nb`, `\u202efdp`, `\u009b31m`, `\r`} {
		for _, field := range []string{`"by": "` + evil + `"`, `"comment": "` + evil + `"`, `"rules": ["` + evil + `"]`} {
			body := `{"until": "` + until + `", "probes": ["reach"], ` + field + `}`
			status, said := l.request(l.overSocket(), http.MethodPost, "/api/v1/silences", body, nil)
			if status != http.StatusBadRequest || !strings.Contains(said, "does not print") {
				t.Errorf("%s: want it refused, got %d %s", body, status, said)
			}
		}
	}
	var out strings.Builder
	_, err := (printable{&out}).Write([]byte("│ a\x1b]0;PWN\x07b\u202ec\u009b31m │\nnext\r line\n"))
	if err != nil || out.String() != "│ a]0;PWNbc31m │\nnext  line\n" {
		t.Errorf("want it cleaned, got %q, %v", out.String(), err)
	}
}

// Open connections block neither the port nor the descriptors.
func TestAttackWithManyConnections(t *testing.T) {
	l := newLive(t)
	before := descriptors(t)
	const many = 600
	var kept []net.Conn
	defer func() {
		for _, conn := range kept {
			_ = conn.Close()
		}
	}()
	for i := range many {
		conn, err := net.Dial("tcp", strings.TrimPrefix(l.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, conn)
		if i%2 == 0 {
			_, _ = conn.Write([]byte("GET /metrics HTTP/1.1\r\nHost: localhost\r\n")) // a header that never ends
		}
	}
	if status, _ := l.request(overPort(), http.MethodGet, "/metrics", "", nil); status != http.StatusOK {
		t.Errorf("want the port to answer, got %d", status)
	}
	if taken := descriptors(t) - before - many; taken > maxConnections+20 {
		t.Errorf("want at most %d descriptors taken, got %d", maxConnections, taken)
	}
	large := http.Header{"X-Large": {strings.Repeat("x", 64<<10)}}
	if status, _ := l.request(overPort(), http.MethodGet, "/metrics", "", large); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("want a large header refused, got %d", status)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/" + strconv.Itoa(os.Getpid()) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
