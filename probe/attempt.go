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

// request is what an attempt sends. A redirect makes another one of it.
type request struct {
	method string
	url    *url.URL
	host   string // instead of the URL's, in the Host header
	body   []byte
}

// answer is what came back, with a body that belongs to a pool and is valid until release.
type answer struct {
	code     int // 0 when there was none, or not all of it
	location string
	body     *bytes.Buffer
}

// attempt makes one HTTP exchange and reads its answer to the end, or until the run's deadline.
func (x *run) attempt(ctx context.Context, r request, cause Cause) (Attempt, answer) {
	j := x.job
	a := Attempt{Cause: cause, Method: r.method, URL: j.display, Template: j.template}
	if cause == CauseRedirect { // the API chose it
		a.URL = j.runner.secrets.RedirectURL(r.url)
	}
	x.sent = make(http.Header, len(j.header)+3)
	maps.Copy(x.sent, j.header)
	x.unauthorized = j.credential.Authorize(ctx, x.sent)
	a.Span = j.runner.options.Identifiers.NewAttempt(x.result.Trace, x.sent)
	sending, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	watch := &stopwatch{giveUp: giveUp}
	watch.resent = func() { x.broke(&a, watch.next()) }
	got := answer{body: j.runner.buffer()}
	a.Start = time.Now()
	r.host = j.host
	err := j.runner.exchange(httptrace.WithClientTrace(sending, watch.hooks()), j.probe.Connection, r, x.sent, &got, &a)
	done := watch.stop()
	a.end(&done)
	if err != nil {
		a.fail(classOfError(ctx, err, done.broke(&a)), j.runner.secrets.Error(err))
		return a, got
	}
	a.Class = ClassOfStatus(got.code)
	return a, got
}

// broke ends an attempt whose connection broke under the request, records it, and begins the one in which the transport
// sends the request again.
func (x *run) broke(a *Attempt, done lap) {
	a.end(&done)
	a.fail(ProtocolError, errBroken.Error())
	x.result.Attempts = append(x.result.Attempts, *a)
	*a = Attempt{Cause: CauseRetry, Method: a.Method, URL: a.URL, Template: a.Template, Start: a.End}
	a.Span = x.job.runner.options.Identifiers.NewAttempt(x.result.Trace, x.sent)
}

// end notes when an attempt ended, and what the stopwatch says of it.
func (a *Attempt) end(done *lap) {
	a.End = time.Now()
	a.Phases = done.phases(a.Start, a.End)
	a.Reused = done.reused
	if done.conn != nil {
		a.Peer = done.conn.RemoteAddr().String()
	}
}

// fail notes why an attempt got no complete answer.
func (a *Attempt) fail(class Class, why string) {
	a.Class, a.ErrorKind, a.Error = class, class.String(), why
}

// send sends a request and reads its answer into got, and what the head tells into a.
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
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.GotFirstResponseByte()
	}
	a.describe(resp)
	if ClassOfStatus(resp.StatusCode) == ProtocolError { // such as 101: nobody asked for another protocol
		return fmt.Errorf("answered %d, which is no status of an answer", resp.StatusCode)
	}
	a.Code = resp.StatusCode
	a.Size, err = got.body.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return err
	case a.Size > maxBody:
		return errTooLarge
	}
	got.code = resp.StatusCode
	got.location = resp.Header.Get("Location")
	return nil
}

// describe notes what the head of an answer tells.
func (a *Attempt) describe(resp *http.Response) {
	a.Protocol = "1.1"
	switch {
	case resp.ProtoMajor == 2:
		a.Protocol = "2"
	case resp.ProtoMajor == 1 && resp.ProtoMinor == 0:
		a.Protocol = "1.0"
	}
	if resp.TLS == nil {
		return
	}
	for _, certificate := range resp.TLS.PeerCertificates {
		if a.CertificateExpiry.IsZero() || certificate.NotAfter.Before(a.CertificateExpiry) {
			a.CertificateExpiry = certificate.NotAfter
		}
	}
}
