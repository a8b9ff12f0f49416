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
	"sync"
	"time"

	"squarewatch/config/setting"
)

// RunnerOptions settle a Runner.
type RunnerOptions struct {
	Target           *url.URL              // base of the probes' paths
	Credentials      map[string]Credential // another runner may use them too, for the same target
	Identifiers      Identifiers           // random ones when nil
	UserAgent        string
	Dial             func(ctx context.Context, network, address string) (net.Conn, error) // a net.Dialer when nil
	Proxy            func(*http.Request) (*url.URL, error)                                // no proxy when nil
	Connectivity     Connectivity                                                         // what else must be down for our own network to be to blame
	DialConnectivity func(ctx context.Context, network, address string) (net.Conn, error) // to it; a net.Dialer when nil

	TLS *tls.Config // the system's roots and TLS 1.2 at least when nil
}

// Runner makes the HTTP exchanges of runs. It is safe for concurrent use.
type Runner struct {
	options RunnerOptions
	fresh   freshTransports
	kept    keptTransports
	buffers sync.Pool
	header  http.Header // of every request, unless its probe has another; never changed

	credentials map[string]Credential // as this runner uses them
	renewals    renewals
	cutOff      func()
	secrets     *secrets // that it sends

	walls        walls
	connectivity *connectivity // nil for none
}

// NewRunner returns a runner. Close it when the last run has ended.
func NewRunner(options RunnerOptions) *Runner {
	if options.Identifiers == nil {
		options.Identifiers = randomIdentifiers{}
	}
	r := &Runner{
		options: options,
		fresh:   freshTransports{options: &options},
		kept:    keptTransports{options: &options, users: map[*http.Transport]int{}},
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		header:  http.Header{"Accept": {"application/json"}, "User-Agent": {options.UserAgent}},

		renewals: renewals{cut: make(chan struct{})},
	}
	r.cutOff = sync.OnceFunc(func() { close(r.renewals.cut) })
	if options.Connectivity.Address != "" {
		r.connectivity = &connectivity{address: options.Connectivity.Address, dial: options.DialConnectivity}
		if r.connectivity.dial == nil {
			r.connectivity.dial = newDialer().DialContext
		}
	}
	r.credentials = make(map[string]Credential, len(options.Credentials))
	r.secrets = &secrets{credentials: r.credentials}
	if options.Proxy != nil {
		if proxy, err := options.Proxy(&http.Request{URL: options.Target}); err == nil && proxy != nil {
			r.secrets.noteProxy(proxy)
		}
	}
	for name, credential := range options.Credentials {
		if renewed, ok := credential.(renewable); ok {
			credential = renewed.attach(use{name, r.postJSON, &r.renewals, r.secrets})
		}
		r.credentials[name] = credential
	}
	return r
}

// CutOff ends the renewals that its runs began and that still go on, which Close would wait for: when nobody is left to use what they bring.
func (r *Runner) CutOff() { r.cutOff() }

// Close waits for renewals that its runs began and that still go on, for a few seconds at most, and closes idle connections.
func (r *Runner) Close() {
	r.renewals.Wait()
	r.kept.close()
}

// exchange sends a request over a connection of that kind and reads its answer into got, and what the head tells into a.
func (r *Runner) exchange(ctx context.Context, kind Connection, out request, header http.Header, got *answer, a *Attempt) error {
	if kind == Reuse {
		transport := r.kept.borrow()
		err := send(ctx, transport, out, header, got, a)
		r.kept.giveBack(transport, err)
		return err
	}
	transport := r.fresh.borrow()
	err := send(ctx, transport, out, header, got, a)
	r.fresh.giveBack(transport, err)
	return err
}

func (r *Runner) buffer() *bytes.Buffer {
	buffer, _ := r.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	return buffer
}

// release gives an answer's buffer back, but for one that a large answer has grown.
func (r *Runner) release(got answer) {
	if got.body != nil && got.body.Cap() <= 64<<10 {
		r.buffers.Put(got.body)
	}
}

// Job is a probe made ready to run: what does not change from run to run is done once.
type Job struct {
	runner     *Runner
	probe      *Probe
	credential Credential
	request    request
	header     http.Header // never changed; an attempt copies it
	display    string
	template   string
	checks     []check
	host       string // of the Host header, where it is not the target's
	refusable  bool   // a 401 is not what the probe expects
	refusals   refusals
}

// Prepare makes a probe ready to run: it parses what can be wrong and compiles what the probe expects. The job keeps p, which
// must not change any more.
func (r *Runner) Prepare(p *Probe) (*Job, error) {
	target, err := r.options.Target.Parse(p.Path)
	if err != nil {
		return nil, &setting.Invalid{Field: "path", Problem: fmt.Sprintf("is %q, which is no path on the target", p.Path), Fix: "write one like /api/v1/collections/"}
	}
	j := &Job{runner: r, probe: p, credential: noCredential{}, template: p.Template()}
	if p.Credential != NoCredential && p.Credential != "" {
		var known bool
		if j.credential, known = r.credentials[p.Credential]; !known {
			return nil, &setting.Invalid{Field: "credential", Problem: fmt.Sprintf("is %q, which is not defined", p.Credential), Fix: "define it under credentials, or write none"}
		}
	}
	j.request = request{method: p.Method, url: target}
	if j.request.body, err = p.body(); err != nil {
		return nil, err
	}
	r.secrets.learn(p)
	j.header, j.host = r.headers(p)
	j.display = displayURL(target)
	j.refusable = !MatchAny(p.Expect.Status, Outcome{Class: Unauthenticated, Code: http.StatusUnauthorized})
	j.checks, err = compile(&p.Expect)
	return j, err
}

// Probe returns the probe's settings.
func (j *Job) Probe() *Probe { return j.probe }

// Host returns the host and port that the job connects to.
func (j *Job) Host() string { return j.request.url.Host }

// body returns what the probe sends.
func (p *Probe) body() ([]byte, error) {
	if p.JSON == nil {
		return []byte(p.Body.Reveal()), nil
	}
	body, err := json.Marshal(p.JSON)
	if err != nil {
		return nil, &setting.Invalid{Field: "json", Problem: "cannot be written as JSON: " + err.Error(), Fix: "use maps with text keys, lists, texts, numbers and booleans"}
	}
	return body, nil
}

// headers returns what goes with every request of the probe, and its Host where that is not the target's; the probe's own
// headers win. Probes that have none of their own share theirs.
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

// Run executes the probe once. It never fails: whatever happens is in the result. When ctx ends before the run does, the
// result has no class.
func (j *Job) Run(ctx context.Context, intended time.Time) *Result {
	result := &Result{Probe: j.probe.Name, Labels: j.probe.Labels, Intended: intended, Start: time.Now()}
	if _, none := j.credential.(noCredential); !none {
		result.Credential = j.probe.Credential
	}
	result.Trace, result.Span = j.runner.options.Identifiers.NewRun()
	x := &run{job: j, result: result}
	x.look(ctx, CauseFirst)
	x.confirm(ctx)
	j.runner.attribute(ctx, result)
	j.runner.release(x.got)
	if r, ok := j.credential.(renewable); ok {
		result.Renewals = r.drain()
	}
	result.End = time.Now()
	j.learn(result)
	return result
}

// randomIdentifiers are used where nobody records traces; the target still gets its traceparent.
type randomIdentifiers struct{}

// NewRun returns random identifiers.
func (randomIdentifiers) NewRun() (trace TraceID, span SpanID) {
	_, _ = rand.Read(trace[:]) // never fails, by its documentation
	_, _ = rand.Read(span[:])
	return trace, span
}

// NewAttempt returns a random identifier and puts it on the request, marked as sampled.
func (randomIdentifiers) NewAttempt(trace TraceID, header http.Header) (span SpanID) {
	_, _ = rand.Read(span[:])
	header["Traceparent"] = []string{"00-" + trace.String() + "-" + span.String() + "-01"}
	return span
}
