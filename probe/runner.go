package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe/blame"
	"squarewatch/probe/redact"
)

// RunnerOptions are the options of a Runner. Only Target is required.
type RunnerOptions struct {
	Target           *url.URL              // base of the probes' paths
	Credentials      map[string]Credential // by name; two runners for the same target may share them
	Identifiers      Identifiers           // random when nil
	UserAgent        string
	Dial             func(ctx context.Context, network, address string) (net.Conn, error) // a net.Dialer when nil
	Proxy            func(*http.Request) (*url.URL, error)                                // no proxy when nil
	Connectivity     Connectivity                                                         // checked when the target does not answer
	DialConnectivity func(ctx context.Context, network, address string) (net.Conn, error) // dials Connectivity; a net.Dialer when nil
	Control          func(network, address string, socket syscall.RawConn) error          // may refuse a new socket; see net.Dialer
	Resolver         Resolver                                                             // asked when a look-up fails; the system's when nil
	Judge            *blame.Judge                                                         // of all runs of the process; a new one when nil

	TLS   *tls.Config // the system's roots and at least TLS 1.2 when nil
	HTTP1 bool        // HTTP/1.1 only
}

// Runner makes the HTTP exchanges of runs. It is safe for concurrent use.
type Runner struct {
	options RunnerOptions
	any     transports // of any version of HTTP that the options allow
	http1   transports // of HTTP/1.1, for endpoints that require it
	buffers sync.Pool
	header  http.Header // defaults of every request; never changed

	sessions       map[string]Session // by the name of the credential
	renewals       renewals
	cancelRenewals func()
	behindProxy    bool // requests go through a proxy of ours
	secrets        *redact.Secrets

	judge                 *blame.Judge
	connectivityLook      *connectivityLook
	resolverLook          *resolverLook
	proxyLook             *proxyLook
	withoutCredentialLook *withoutCredentialLook
	elsewhereLook         *elsewhereLook
	cuts                  *cutAnswers
}

// NewRunner returns a runner. The caller closes it when the last run has ended.
func NewRunner(options RunnerOptions) *Runner {
	if options.Identifiers == nil {
		options.Identifiers = randomIdentifiers{}
	}
	if options.Dial == nil {
		options.Dial = newDialer(newResolver("", options.Control), "", options.Control).dial
	}
	options.Target = canonical(options.Target)
	r := &Runner{
		options: options,
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		header:  http.Header{"Accept": {"application/json"}, "User-Agent": {options.UserAgent}},

		renewals: renewals{cancelled: make(chan struct{})},
	}
	options.Dial = r.dial
	r.any, r.http1 = newTransports(options, options.HTTP1), newTransports(options, true)
	r.cancelRenewals = sync.OnceFunc(func() { close(r.renewals.cancelled) })
	r.prepareLooks()
	holders := make([]redact.Holder, 0, len(options.Credentials))
	for _, credential := range options.Credentials {
		holders = append(holders, credential)
	}
	r.secrets = redact.New(holders...)
	r.prepareProxy()
	r.sessions = make(map[string]Session, len(options.Credentials))
	for name, credential := range options.Credentials {
		r.sessions[name] = credential.Attach(Environment{
			name: name, post: r.postJSON, renewals: &r.renewals, secrets: r.secrets,
		})
	}
	return r
}

// prepareProxy finds out whether requests go through a proxy.
func (r *Runner) prepareProxy() {
	r.proxyLook = &proxyLook{}
	if r.options.Proxy == nil {
		return
	}
	if proxy, err := r.options.Proxy(&http.Request{URL: r.options.Target}); err == nil && proxy != nil {
		r.behindProxy, r.proxyLook = true, newProxyLook(&r.options, proxy)
		r.secrets.AddProxy(proxy)
	}
}

// prepareLooks makes the judge and the looks.
func (r *Runner) prepareLooks() {
	if r.judge = r.options.Judge; r.judge == nil {
		r.judge = blame.NewJudge()
	}
	r.connectivityLook = &connectivityLook{address: r.options.Connectivity.Address, dial: r.options.DialConnectivity}
	if r.connectivityLook.dial == nil {
		r.connectivityLook.dial = newDialer(newResolver("", r.options.Control), "", r.options.Control).dial
	}
	r.resolverLook = newResolverLook(&r.options)
	r.withoutCredentialLook = &withoutCredentialLook{judge: r.judge, jobs: map[string]*Job{}, open: map[string]served{}}
	r.elsewhereLook = &elsewhereLook{}
	r.cuts = &cutAnswers{probes: map[string]*cutAnswer{}}
}

// CancelRenewals cancels the running renewals, for which Close would wait. Call it at the stop of the process, when no other
// runner needs the tokens.
func (r *Runner) CancelRenewals() { r.cancelRenewals() }

// Close waits for the running renewals, for a few seconds at most, and closes idle connections.
func (r *Runner) Close() {
	r.renewals.Wait()
	r.any.kept.close()
	r.http1.kept.close()
}

// dial makes a connection. If this process has too few descriptors or ports, it closes the kept connections that no exchange uses, and
// tries once more.
func (r *Runner) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.options.Dial(ctx, network, address)
	if !isShortage(err) {
		return conn, err
	}
	r.any.kept.closeIdle()
	r.http1.kept.closeIdle()
	return r.options.Dial(ctx, network, address)
}

// exchange sends a request over a connection of the given kind. It reads the answer into got, and facts about it into a.
func (r *Runner) exchange(ctx context.Context, kind Connection, out request, header http.Header, got *answer, a *Attempt) error {
	list := &r.any
	if out.http1 {
		list = &r.http1
	}
	if kind == Reuse {
		transport := list.kept.acquire()
		err := send(ctx, transport, out, header, got, a)
		list.kept.release(transport, err)
		return err
	}
	transport := list.fresh.acquire()
	err := send(ctx, transport, out, header, got, a)
	list.fresh.release(transport, err)
	return err
}

func (r *Runner) buffer() *bytes.Buffer {
	buffer, _ := r.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	return buffer
}

// release returns the buffer of an answer to the pool, unless a large answer has made it large.
func (r *Runner) release(got answer) {
	if got.body != nil && got.body.Cap() <= 64<<10 {
		r.buffers.Put(got.body)
	}
}

// Job is a probe that is ready to run. What is the same in every run is computed once.
type Job struct {
	runner     *Runner
	probe      *Probe
	credential string // its name; empty for none
	session    Session
	renewable  bool
	request    request
	header     http.Header // never changed; an attempt copies it
	server     server
	display    string // the URL that may be shown
	template   string
	checks     []check
	host       string // for the Host header; empty for that of the target
	pause      renewalPause

	needsCredential bool        // the probe does not expect 401
	http1           atomic.Bool // the endpoint required HTTP/1.1
	refusesWithJSON atomic.Bool // a guarded probe was refused with JSON, so a page that grants it access is not from the API
}

// server is where requests go: the origin of the target.
type server struct {
	scheme string
	host   string
	port   int
}

// serverOf returns the origin of a URL, with the default port of the scheme where the URL has none.
func serverOf(u *url.URL) server {
	s := server{scheme: u.Scheme, host: u.Hostname()}
	s.port, _ = strconv.Atoi(portOf(u)) // url.Parse accepts only digits
	return s
}

// Prepare makes a probe ready to run. It reports settings that cannot work as [setting.Invalid], and compiles the expectations. The
// job keeps p, which must not change any more.
func (r *Runner) Prepare(p *Probe) (*Job, error) {
	target, err := resolve(r.options.Target, p.Path)
	if err != nil {
		return nil, &setting.Invalid{
			Field: "path", Problem: fmt.Sprintf("is %q, which is not a path on the target", p.Path),
			Fix: "write a path such as /api/v1/collections/",
		}
	}
	j := &Job{runner: r, probe: p, session: anonymous{}, server: serverOf(target), template: p.Template()}
	if p.Credential != NoCredential && p.Credential != "" {
		session, defined := r.sessions[p.Credential]
		if !defined {
			return nil, &setting.Invalid{
				Field: "credential", Problem: fmt.Sprintf("is %q, which is not defined", p.Credential),
				Fix: "define it under credentials, or write none",
			}
		}
		j.credential, j.session, j.renewable = p.Credential, session, r.options.Credentials[p.Credential].Renewable()
	}
	j.request = request{method: p.Method, url: target}
	if j.request.body, err = p.body(); err != nil {
		return nil, err
	}
	for name, value := range p.Headers {
		r.secrets.AddHeader(name, value)
	}
	r.secrets.AddText(p.Body)
	j.header, j.host = r.headers(p)
	j.display = redact.URL(target)
	j.needsCredential = !MatchAny(p.Expect.Status, Outcome{Class: Unauthenticated, Code: http.StatusUnauthorized})
	if j.checks, err = compile(&p.Expect); err != nil {
		return nil, err
	}
	r.withoutCredentialLook.add(j)
	return j, nil
}

// Probe returns the probe's settings.
func (j *Job) Probe() *Probe { return j.probe }

// Host returns the host and port that the job connects to.
func (j *Job) Host() string { return j.request.url.Host }

// body returns the body of the probe's requests.
func (p *Probe) body() ([]byte, error) {
	if p.JSON == nil {
		return []byte(p.Body.Reveal()), nil
	}
	body, err := json.Marshal(p.JSON)
	if err != nil {
		return nil, &setting.Invalid{
			Field: "json", Problem: "cannot be written as JSON: " + err.Error(),
			Fix: "use maps with text keys, lists, texts, numbers and booleans",
		}
	}
	return body, nil
}

// headers returns the headers of the probe's requests, and its Host if that is not the target's. The probe's own headers
// replace the defaults. All probes without headers of their own share one map.
func (r *Runner) headers(p *Probe) (header http.Header, host string) {
	if p.JSON == nil && len(p.Headers) == 0 {
		return r.header, ""
	}
	header = maps.Clone(r.header)
	if p.JSON != nil {
		header.Set("Content-Type", "application/json")
	}
	for name, value := range p.Headers {
		header.Set(name, value.Reveal())
	}
	host = header.Get("Host")
	header.Del("Host")
	return header, host
}

// Run executes the probe once. Every failure is in the result. If ctx ends first, the result has ClassNone.
func (j *Job) Run(ctx context.Context, intended time.Time) *Result {
	result, _ := j.run(ctx, intended)
	return result
}

// run executes the probe once. It also returns the observation that the judge got; nil for a run that was stopped.
func (j *Job) run(ctx context.Context, intended time.Time) (*Result, *blame.Observation) {
	result := &Result{Probe: j.probe.Name, Credential: j.credential, Labels: j.probe.Labels, Intended: intended, Start: time.Now()}
	result.Trace, result.Span = j.runner.options.Identifiers.NewRun()
	x := &run{job: j, result: result}
	x.try(ctx, CauseFirst)
	x.confirm(ctx)
	x.credential = j.session.Finish(result, x.sent)
	observed := x.judge(ctx)
	j.runner.release(x.got)
	result.End = time.Now()
	return result, observed
}

// randomIdentifiers are used where traces are not recorded. The target still gets a traceparent.
type randomIdentifiers struct{}

// NewRun returns random identifiers.
func (randomIdentifiers) NewRun() (trace TraceID, span SpanID) {
	_, _ = rand.Read(trace[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	_, _ = rand.Read(span[:])
	return trace, span
}

// NewAttempt returns a random identifier and puts it on the request, marked as sampled.
func (randomIdentifiers) NewAttempt(trace TraceID, header http.Header) (span SpanID) {
	_, _ = rand.Read(span[:])
	header["Traceparent"] = []string{"00-" + trace.String() + "-" + span.String() + "-01"}
	return span
}
