package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/redact"
)

// answered runs a probe, once for each kind of connection, against a server that answers every request with the same bytes. With a
// TLS configuration it makes a handshake first, at the time of that configuration. In a bubble a leaked goroutine fails the test, and an
// endless wait is found immediately.
func answered(t *testing.T, answer []byte, hangs bool, server *tls.Config, trust *x509.CertPool) []*probe.Result {
	t.Helper()
	target, trusting := &url.URL{Scheme: "http", Host: "localhost"}, &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}
	if server != nil {
		target.Scheme, trusting.Time = "https", server.Time
	}
	listener := aisquaretest.NewPipeListener()
	over := make(chan struct{})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				close(over)
				return
			}
			go func() { // a pipe has no buffer: read the request while the answer is written
				defer func() { _ = conn.Close() }()
				if server != nil {
					conn = newBuffered(conn)
					secure := tls.Server(conn, server)
					if secure.HandshakeContext(context.Background()) != nil { // now: a Read in the other goroutine would wait for it and hold a lock
						return
					}
					conn = secure
				}
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				_, _ = conn.Write(answer)
				if hangs {
					<-over
				}
			}()
		}
	}()
	runner := probe.NewRunner(probe.RunnerOptions{
		Target: target, Dial: listener.Dial, TLS: trusting,
	})
	var results []*probe.Result
	for _, connection := range []probe.Connection{probe.Fresh, probe.Reuse} {
		p := probe.Probe{Name: "fuzz", Path: "/", Connection: connection, Expect: probe.Expect{JSON: ".a"}}
		probe.DefaultDefaults().Apply(&p)
		j, err := runner.Prepare(&p)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, j.Run(t.Context(), time.Now()))
	}
	_ = listener.Close()
	<-over
	runner.Close()
	synctest.Wait()
	<-time.After(time.Minute) // late connections end by themselves
	return results
}

// FuzzAnswer checks that for every answer a run has a class within its timeout and leaks nothing.
func FuzzAnswer(f *testing.F) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, seed := range []string{
		"", "x", "HTTP/1.1", ok, ok + "\r\n", ok + "Content-Length: 9\r\n\r\n{\"a\": 1}", ok + "Content-Length: 8\r\n\r\n{\"a\": 1}more",
		ok + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}\r\n0\r\n\r\n", ok + "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
		"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 103 Early\r\n\r\n" + ok + "\r\n", "HTTP/1.0 500 x\r\n\r\n{\"detail\": \"tls: no\"}", "HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n{}",
		"tls: bad certificate\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nabcde",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, hangs bool) {
		synctest.Test(t, func(t *testing.T) {
			for _, r := range answered(t, answer, hangs, nil, nil) {
				checkAnswered(t, answer, r)
			}
		})
	})
}

// checkAnswered checks what is true of every run that had a connection.
func checkAnswered(t *testing.T, answer []byte, r *probe.Result) {
	t.Helper()
	if slices.Contains([]probe.Class{probe.ClassNone, probe.DNSError, probe.ConnectError, probe.TLSError}, r.Class) {
		t.Errorf("%q: class %v (%s), though there was a connection", answer, r.Class, r.Reason)
	}
	if took := r.End.Sub(r.Start); took > 10*time.Second || (r.Class == probe.Timeout) != (took == 10*time.Second) {
		t.Errorf("%q: %v after %v", answer, r.Class, took)
	}
	if r.Class.IsTransport() != (r.Code == 0) || r.Expected != (r.Reason == "") {
		t.Errorf("%q: %v with code %d, expected=%v with reason %q", answer, r.Class, r.Code, r.Expected, r.Reason)
	}
	checkAttempts(t, r)
	checkTexts(t, r)
}

// checkTexts checks that the texts of a run are short and printable. They may quote what a server sent.
func checkTexts(t *testing.T, r *probe.Result) {
	t.Helper()
	texts := []string{r.Reason, r.Excerpt, r.Advice}
	for i := range r.Attempts {
		texts = append(texts, r.Attempts[i].Error, r.Attempts[i].Peer, r.Attempts[i].Protocol)
	}
	for _, e := range r.Evidence {
		texts = append(texts, e.Text)
	}
	for _, text := range texts {
		if redact.Printable(text) != text || len(text) > 2000 || strings.Contains(text, "%!") {
			t.Errorf("want a short printable sentence, got %d bytes: %.300q", len(text), text)
		}
	}
}

// FuzzAnswerOverTLS does the same after a handshake, where the server chooses HTTP/2: the bytes are its frames.
func FuzzAnswerOverTLS(f *testing.F) {
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, seed := range []string{
		"", settings, settings + "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88",
		settings + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88\x00\x00\x02\x00\x01\x00\x00\x00\x01{}",
		settings + "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		settings + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02",
		"HTTP/1.1 200 OK\r\n\r\n", settings + "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff",
	} {
		f.Add([]byte(seed))
	}
	donor, pool := aisquaretest.StartTLS(http.NotFoundHandler(), aisquaretest.TLSOptions{})
	donor.Close()                                           // only its certificate is needed
	valid := donor.Certificate().NotBefore.AddDate(0, 0, 3) // a bubble begins in the year 2000
	server := &tls.Config{
		Certificates: donor.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
		Time: func() time.Time { return valid },
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		synctest.Test(t, func(t *testing.T) {
			for _, r := range answered(t, frames, true, server.Clone(), pool) {
				checkAnswered(t, frames, r)
			}
		})
	})
}

// FuzzExpectJSONBody evaluates typical expressions on foreign bodies.
func FuzzExpectJSONBody(f *testing.F) {
	for _, body := range []string{
		`{"results": []}`, `[]`, `null`, `{"results": {"a": "x"}}`, `1e999`, `"\ud800"`, `{"a": [[[[]]]]}`, `{`, ``,
		`{"n": 123456789012345678901234567890}`,
	} {
		f.Add([]byte(body))
	}
	expressions := []string{
		`.results | type == "array"`, `.results | length > 0`, `[.. | numbers] | add`, `.n * 2 | tostring | test("^[0-9]+$")`,
		`[paths] | length`, `tojson | fromjson`, `.a.b.c // "none" | ascii_downcase`, `to_entries | map(.value) | sort`, `@base64d`,
		`.. | strings | explode | implode`,
	}
	body := make(chan []byte, 1)
	jobs := jobsWithBody(f, expressions, body)
	f.Fuzz(func(t *testing.T, answer []byte) {
		for i, j := range jobs {
			body <- answer
			if r := j.Run(t.Context(), time.Now()); r.Class != probe.Success || r.Expected != (r.Reason == "") {
				t.Errorf("%s of %q: %v, expected=%v %q", expressions[i], answer, r.Class, r.Expected, r.Reason)
			}
		}
	})
}

// FuzzExpectJSONExpression compiles arbitrary expressions and evaluates them on an answer until the deadline.
func FuzzExpectJSONExpression(f *testing.F) {
	for _, seed := range []string{
		`.a`, `def f: f; f`, `[range(10)] | add`, `.[`, `$ENV`, `input`, `env.PATH`, `limit(3; repeat(1))`, `"\(.)"`,
		`@json`, `. as [$a] ?// $a | $a`, `last(range(1e9))`, `getpath(["a", 0])`, `error(null)`, `label $l | break $l`, `import "x" as x; .`,
	} {
		f.Add(seed)
	}
	body := make(chan []byte, 1)
	server := httptest.NewServer(bodies(body))
	f.Cleanup(server.Close)
	target := mustURL(f, server.URL)
	f.Fuzz(func(t *testing.T, expression string) {
		runner := probe.NewRunner(probe.RunnerOptions{Target: target})
		defer runner.Close()
		p := probe.Probe{Name: "fuzz", Path: "/", Timeout: 200 * time.Millisecond, Expect: probe.Expect{JSON: expression}}
		probe.DefaultDefaults().Apply(&p)
		j, err := runner.Prepare(&p)
		if err != nil {
			return
		}
		body <- []byte(`{"a": {"b": [1, "two", null, true]}, "results": [{"id": 7}]}`)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := j.Run(ctx, time.Now())
		select {
		case <-body: // the request was not sent in time
		default:
		}
		if r.Class == probe.ClassNone {
			t.Errorf("%q: the deadline did not end it", expression)
		}
	})
}

// bodies answers every request with the next body.
func bodies(next <-chan []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(<-next) })
}

// jobsWithBody prepares a probe for each expression, against a server that answers with the next body.
func jobsWithBody(f *testing.F, expressions []string, next <-chan []byte) []*probe.Job {
	f.Helper()
	server := httptest.NewServer(bodies(next))
	f.Cleanup(server.Close)
	jobs := make([]*probe.Job, 0, len(expressions))
	for _, expression := range expressions {
		jobs = append(jobs, job(f, server.URL, probe.Probe{Path: "/", Connection: probe.Reuse, Expect: probe.Expect{JSON: expression}},
			probe.RunnerOptions{}))
	}
	return jobs
}
