package probe_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// body answers with a text and headers.
func body(t *testing.T, status int, text string, header http.Header) string {
	t.Helper()
	server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestWhyABodyIsNotJSON checks that each reason says why, and where. RFC 8259 is the source: section 8.1 for the byte order mark, section 6
// for numbers, whose range a parser may choose.
func TestWhyABodyIsNotJSON(t *testing.T) {
	for _, c := range []struct {
		status  int
		text    string
		header  http.Header
		contain string // of the reason; empty for an expected answer
	}{
		{200, `{"ok":true}`, nil, ""},
		{200, "\xef\xbb\xbf" + `{"ok":true}`, nil, ""},
		{200, `{"ok":true,"x":1e400}`, nil, ""},
		{200, `{"ok":true,"x":NaN}`, nil, "not JSON: line 1, column 16: invalid character 'N'"},
		{200, "{\"ok\":true,\n \"x\":,}", nil, "not JSON: line 2, column 6: invalid character ','"},
		{200, `{"ok":true`, nil, "not JSON: line 1, column 11: it ends in the middle"},
		{200, `{"ok":true} {}`, nil, "not JSON: line 1, column 13: there is more after the value"},
		{200, " \n", nil, "not JSON: line 2, column 1: it ends in the middle"},
		{200, "\xef\xbb\xbf", nil, "nothing but a byte order mark"},
		{204, "", nil, "answered 204 without a body, where JSON was expected"},
		{200, "", nil, "answered 200 without a body, where JSON was expected"},
		{200, "\x0b\x02\x80", http.Header{"Content-Encoding": {"br"}}, "a body in the encoding br, which squarewatch does not read"},
		{200, "<html><title>Welcome</title>", nil, "answered 200 with a page (HTML), which is not JSON"},
	} {
		r := job(t, body(t, c.status, c.text, c.header), probe.Probe{Path: "/", Expect: probe.Expect{JSON: ".ok"}}, probe.RunnerOptions{}).
			Run(t.Context(), time.Now())
		if r.Expected != (c.contain == "") || !strings.Contains(r.Reason, c.contain) {
			t.Errorf("%q: want %q, got %q", c.text, c.contain, r.Reason)
		}
	}
}

// TestIntegersStayIntegers has numbers that a float cannot tell apart: RFC 8259, section 6, names 2^53 as the limit of interoperable ones.
func TestIntegersStayIntegers(t *testing.T) {
	target := body(t, http.StatusOK, `{"id":9007199254740993,"big":123456789012345678901234567890,"x":1.5,"list":[1,2,3]}`, nil)
	for expression, want := range map[string]bool{
		".id != 9007199254740992": true, ".id == 9007199254740992": false, ".id == 9007199254740993": true,
		".id + 1 == 9007199254740994": true, ".big == 123456789012345678901234567890": true, ".big == 123456789012345678901234567891": false,
		`.id | type == "number"`: true, `.id | tostring == "9007199254740993"`: true, ".x * 2 == 3": true, ".list | add == 6": true,
		".list[1] == 2": true, ".list | index(2) == 1": true, "[.list[] | select(. > 1)] | length == 2": true, ".id % 10 == 3": true,
	} {
		r := job(t, target, probe.Probe{Path: "/", Expect: probe.Expect{JSON: expression}}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		if r.Expected != want {
			t.Errorf("%s: want %v, got %v (%s)", expression, want, r.Expected, r.Reason)
		}
	}
}

// TestExcerptsOfUnusualJSON has errors whose message is found, although a mark stands before them or a number is beyond a float.
func TestExcerptsOfUnusualJSON(t *testing.T) {
	for _, text := range []string{"\xef\xbb\xbf" + `{"detail":"no such studio"}`, `{"x":1e400,"detail":"no such studio"}`} {
		r := job(t, body(t, http.StatusNotFound, text, nil), probe.Probe{Path: "/"}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		if r.Excerpt != "no such studio" {
			t.Errorf("%q: want the detail, got %q", text, r.Excerpt)
		}
	}
}

// TestBodiesAreDecodedByContentEncoding also has a probe with an Accept-Encoding of its own, for which net/http decodes nothing
// (https://pkg.go.dev/net/http#Transport, DisableCompression), and x-gzip, another name of gzip: RFC 9110, section 8.4.1.3.
func TestBodiesAreDecodedByContentEncoding(t *testing.T) {
	var zipped, deflated bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&zipped), zlib.NewWriter(&deflated)} {
		_, _ = io.WriteString(w, `{"ok":true}`)
		_ = w.Close()
	}
	for _, c := range []struct {
		encoding, text, accept string
		expected               bool
	}{
		{"gzip", zipped.String(), "", true},
		{"gzip", zipped.String(), "gzip", true},
		{"X-GZIP", zipped.String(), "", true},
		{"x-gzip", zipped.String(), "gzip", true},
		{"deflate", deflated.String(), "deflate", true},
		{"identity", `{"ok":true}`, "identity", true},
		{"gzip", "not gzip", "gzip", false},
		{"gzip", zipped.String()[:20], "gzip", false},
	} {
		p := probe.Probe{Path: "/", Expect: probe.Expect{JSON: ".ok"}}
		if c.accept != "" {
			p.Headers = map[string]secret.Text{"Accept-Encoding": secret.New(c.accept)}
		}
		r := job(t, body(t, http.StatusOK, c.text, http.Header{"Content-Encoding": {c.encoding}}), p, probe.RunnerOptions{}).
			Run(t.Context(), time.Now())
		if r.Expected != c.expected || !r.Expected && r.Class != probe.ProtocolError {
			t.Errorf("%s asked for with %q: want expected=%v, got %s: %s", c.encoding, c.accept, c.expected, r.Class, r.Reason)
		}
	}
	head := probe.Probe{Path: "/", Method: http.MethodHead, Headers: map[string]secret.Text{"Accept-Encoding": secret.New("gzip")}}
	target := body(t, http.StatusOK, "", http.Header{"Content-Encoding": {"gzip"}})
	r := job(t, target, head, probe.RunnerOptions{}).Run(t.Context(), time.Now())
	if !r.Expected {
		t.Errorf("an answer to HEAD has no body to decode, got %s", r.Reason)
	}
}
