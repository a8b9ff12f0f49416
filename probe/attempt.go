package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// request is what an attempt sends. A redirect changes it.
type request struct {
	method string
	url    *url.URL
	host   string // for the Host header; that of the URL when empty
	body   []byte
	http1  bool // send it over HTTP/1.1

	cookies http.CookieJar // of the redirects before it; nil for none
}

// answer is what came back. The body belongs to a pool and is valid until [Runner.release].
type answer struct {
	code   int         // 0 without a complete answer
	header http.Header // nil without a head
	body   *bytes.Buffer
}

// attempt makes one HTTP exchange. It reads the answer to its end, or until the deadline.
func (x *run) attempt(ctx context.Context, r request, cause Cause) (Attempt, answer) {
	j := x.job
	a := Attempt{
		Cause: cause, Method: r.method, URL: j.display, Template: j.template,
		Scheme: j.server.scheme, Host: j.server.host, Port: j.server.port, // a redirect stays within the origin
	}
	if cause == CauseRedirect { // the API chose the path
		a.URL = j.runner.secrets.RedirectURL(r.url)
	}
	x.sent = make(http.Header, len(j.header)+3)
	maps.Copy(x.sent, j.header)
	r.addCookies(x.sent)
	x.setAuth(j.session.Authorize(ctx, x.authRequest()))
	a.Span = j.runner.options.Identifiers.NewAttempt(x.result.Trace, x.sent)
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := &stopwatch{cancel: cancel}
	watch.resent = func() { x.splitAttempt(&a, watch.next()) }
	got := answer{body: j.runner.buffer()}
	a.Start = time.Now()
	r.host = j.host
	err := j.runner.exchange(httptrace.WithClientTrace(sending, watch.hooks()), j.probe.Connection, r, x.sent, &got, &a)
	done := watch.stop()
	a.end(&done)
	x.err = err
	if err != nil {
		x.shortage = x.shortage || isShortage(err)
		a.fail(classOfError(ctx, err, done.brokenPhase(&a)), j.runner.secrets.Error(err))
		return a, got
	}
	a.Class = ClassOfStatus(got.code)
	return a, got
}

// splitAttempt is called when the connection of an attempt broke and the transport sends the request again. It records the
// attempt as failed and starts a new one.
func (x *run) splitAttempt(a *Attempt, done lap) {
	a.end(&done)
	a.fail(ProtocolError, errBroken.Error())
	x.result.Attempts = append(x.result.Attempts, *a)
	*a = Attempt{
		Cause: CauseRetry, Method: a.Method, URL: a.URL, Scheme: a.Scheme, Host: a.Host, Port: a.Port, Template: a.Template, Start: a.End,
	}
	a.Span = x.job.runner.options.Identifiers.NewAttempt(x.result.Trace, x.sent)
}

// end sets the end of an attempt and what the stopwatch measured.
func (a *Attempt) end(done *lap) {
	a.End = time.Now()
	a.Phases = done.phases(a.Start, a.End)
	a.Reused = done.reused
	if done.conn != nil {
		a.Peer = done.conn.RemoteAddr().String()
	}
}

// fail sets why an attempt has no complete answer.
func (a *Attempt) fail(class Class, why string) {
	a.Class, a.ErrorKind, a.Error = class, class.String(), why
}

// send sends a request. It reads the answer into got, and facts about it into a.
func send(ctx context.Context, transport *http.Transport, r request, header http.Header, got *answer, a *Attempt) error {
	req := &http.Request{
		Method: r.method, URL: r.url, Host: cmp.Or(r.host, r.url.Host), Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if len(r.body) > 0 {
		req.ContentLength = int64(len(r.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		req.Body, _ = req.GetBody()
	}
	resp, err := transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return earlyAnswer(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.GotFirstResponseByte()
	}
	a.describe(resp)
	got.header = resp.Header
	if ClassOfStatus(resp.StatusCode) == ProtocolError { // such as 101: the request did not ask for another protocol
		return fmt.Errorf("answered %d, which is not the status of a final answer", resp.StatusCode)
	}
	a.Code = resp.StatusCode
	body, err := decoded(resp)
	if err != nil {
		return fmt.Errorf("decode the body of the answer: %w", err)
	}
	a.Size, err = got.body.ReadFrom(io.LimitReader(body, maxBody+1))
	switch {
	case err != nil:
		return err
	case a.Size > maxBody:
		return errTooLarge
	}
	got.code = resp.StatusCode
	return nil
}

// describe sets the protocol and the end of the certificates of an answer.
func (a *Attempt) describe(resp *http.Response) {
	a.Protocol = "1.1"
	switch {
	case resp.ProtoMajor == 2:
		a.Protocol = "2"
	case resp.ProtoMajor == 1 && resp.ProtoMinor == 0:
		a.Protocol = "1.0"
	}
	if resp.TLS != nil {
		a.CertificateExpiry = certificateExpiry(resp.TLS)
	}
}
