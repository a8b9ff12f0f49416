package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"squarewatch/probe/blame"
)

// proxyLook is the look that checks whether our own proxy answers at all. A proxy that says nothing to CONNECT may be broken, or may wait
// for the target.
type proxyLook struct {
	address   *url.URL // without its login; nil without a proxy, and for one that does not speak HTTP
	transport *http.Transport
	checks    memo[error] // why the proxy did not answer; nil when it did
}

// newProxyLook returns the look at a proxy; proxy is nil for none.
func newProxyLook(options *RunnerOptions, proxy *url.URL) *proxyLook {
	p := &proxyLook{}
	if proxy == nil || proxy.Scheme != "http" && proxy.Scheme != "https" {
		return p
	}
	p.address = &url.URL{Scheme: proxy.Scheme, Host: proxy.Host, Path: "*"}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	p.transport = &http.Transport{DialContext: options.Dial, DisableKeepAlives: true, TLSClientConfig: config}
	return p
}

// wanted reports whether our proxy did not say whether it connected.
func (p *proxyLook) wanted(_ *run, o *blame.Observation) bool {
	return p.address != nil && o.Link == blame.LinkProxySilent
}

// ask fills Proxy. A check that passed before the run began says nothing about the run, so the proxy is asked again.
func (p *proxyLook) ask(ctx context.Context, x *run, o *blame.Observation) []Look {
	checked, asked := p.checks.ask(ctx, p.address.Host, func(last seen[error]) bool {
		return last.what != nil && time.Since(last.end) < downMaxAge || last.isFresh(x)
	}, p.check)
	if checked.end.IsZero() || isShortage(checked.what) {
		return nil
	}
	o.Proxy = blame.Check{At: checked.end, Passed: checked.what == nil, What: "our own proxy"}
	if !asked {
		return nil
	}
	look := Look{Kind: LookProxy, Start: checked.start, End: checked.end, Passed: checked.what == nil, Text: "our own proxy answers"}
	if checked.what != nil {
		look.Text = "our own proxy answers nothing: " + x.job.runner.secrets.Error(checked.what)
	}
	return []Look{look}
}

// check sends a request that concerns the proxy itself: OPTIONS with an asterisk (RFC 9110, section 9.3.7). Any answer shows that
// the proxy works, and so does a closed connection.
func (p *proxyLook) check(ctx context.Context) error {
	request := (&http.Request{Method: http.MethodOptions, URL: p.address, Host: p.address.Host, Header: http.Header{}}).WithContext(ctx)
	response, err := p.transport.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		return nil
	}
	if timeout, ok := errors.AsType[net.Error](err); isDial(err) || isShortage(err) || ok && timeout.Timeout() {
		return err
	}
	return nil
}
