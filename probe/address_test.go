package probe_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// TestRequestsGoOutAsTheyWereWritten reads the first line of the request as a server gets it. What RFC 3986 does not allow is encoded,
// and an encoded slash stays one: https://github.com/golang/go/issues/38292.
func TestRequestsGoOutAsTheyWereWritten(t *testing.T) {
	for path, want := range map[string]string{
		"/files/my report%2F2026":    "/files/my%20report%2F2026",
		"/files/a%2fb/{id}|^`\"<>\\": "/files/a%2fb/%7Bid%7D%7C%5E%60%22%3C%3E%5C",
		"/search?q=a b":              "/search?q=a%20b",
		"/search?q=grün&x[1]=2":      "/search?q=gr%C3%BCn&x[1]=2",
		"/größe/":                    "/gr%C3%B6%C3%9Fe/",
		"/a+b;c=1,2:3@4!$&'()*~/?":   "/a+b;c=1,2:3@4!$&'()*~/?",
		"/plain/%E2%82%AC?x=%20":     "/plain/%E2%82%AC?x=%20",
	} {
		lines := make(chan string, 1)
		target := raw(t, func(conn net.Conn) {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			lines <- line
			_, _ = conn.Write([]byte("HTTP/1.1 204 None\r\nConnection: close\r\n\r\n"))
		})
		routed(t, "http://"+target, probe.Network{Proxy: secret.New(probe.NoProxy)}, probe.Probe{Path: path})
		if got := <-lines; got != "GET "+want+" HTTP/1.1\r\n" {
			t.Errorf("%s: want %s asked for, got %s", path, want, got)
		}
	}
}

func TestPathsWithABadEscapeAreRefused(t *testing.T) {
	for _, path := range []string{"/100%", "/a%2", "/a%2x", "/x?q=50%", "/x?q=%zz", "/x?q=%1"} {
		p := probe.Probe{Name: "a", Path: path}
		probe.DefaultDefaults().Apply(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "write %25") {
			t.Errorf("%s: want it refused, got %v", path, err)
		}
	}
}

// served makes every name lead to one server.
func served(target string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, target)
	}
}

// TestOriginsAreComparedAsTheStandardSays has redirects to other spellings of the target's origin, which are followed, and to other
// origins, which are not: RFC 3986, section 6.2.2, and RFC 5890.
func TestOriginsAreComparedAsTheStandardSays(t *testing.T) {
	for _, c := range []struct {
		target, location string
		followed         bool
	}{
		{"http://LOCALHOST", "http://localhost/ok", true},
		{"http://api.test", "HTTP://API.Test:80/ok", true},
		{"http://api.test:80", "http://api.test/ok", true},
		{"http://bücher.test", "http://xn--bcher-kva.test/ok", true},
		{"http://xn--bcher-kva.test", "http://B%C3%BCcher.test/ok", true},
		{"http://a_b.test", "http://A_B.test/ok", true},
		{"http://api.test", "/files/my%20report%2F2026", true},
		{"http://api.test", "http://api.test:8080/ok", false},
		{"http://api.test", "https://api.test/ok", false},
		{"http://api.test", "http://api.test.evil/ok", false},
	} {
		paths, hosts := make(chan string, 2), make(chan string, 2)
		server := raw(t, func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			paths <- r.RequestURI
			hosts <- r.Host
			answer := "HTTP/1.1 204 None\r\nConnection: close\r\n\r\n"
			if r.RequestURI == "/" {
				answer = "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + c.location + "\r\n\r\n"
			}
			_, _ = conn.Write([]byte(answer))
		})
		r := job(t, c.target, probe.Probe{Path: "/"}, probe.RunnerOptions{Dial: served(server)}).Run(t.Context(), time.Now())
		if r.Expected != c.followed {
			t.Errorf("%s to %s: want followed=%v, got %s", c.target, c.location, c.followed, r.Reason)
			continue
		}
		if !c.followed {
			continue
		}
		first, second := <-hosts, <-hosts
		if <-paths != "/" || !strings.HasSuffix(c.location, <-paths) || first != second {
			t.Errorf("%s to %s: want the path of the location at the same host", c.target, c.location)
		}
	}
}

// TestHostHasNoDefaultPort checks the Host header: RFC 9110, section 7.2, and RFC 3986, section 6.2.3.
func TestHostHasNoDefaultPort(t *testing.T) {
	for target, want := range map[string]string{
		"http://127.0.0.1:80": "127.0.0.1", "http://[::1]:80": "[::1]", "http://API.test:8080": "api.test:8080",
		"http://bücher.test": "xn--bcher-kva.test",
	} {
		hosts := make(chan string, 1)
		server := raw(t, func(conn net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				hosts <- r.Host
			}
			_, _ = conn.Write([]byte("HTTP/1.1 204 None\r\nConnection: close\r\n\r\n"))
		})
		job(t, target, probe.Probe{Path: "/"}, probe.RunnerOptions{Dial: served(server)}).Run(t.Context(), time.Now())
		if got := <-hosts; got != want {
			t.Errorf("%s: want Host %s, got %s", target, want, got)
		}
	}
}
