package probe

import (
	"context"
	"net"

	"squarewatch/probe/blame"
)

// Resolver resolves names. [net.Resolver] implements it.
type Resolver interface {
	LookupNS(ctx context.Context, name string) ([]*net.NS, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// rootZone is the name of the root of the DNS: RFC 1035, section 3.1. A resolver knows its name servers before any others: RFC 8109.
const rootZone = "."

// resolving is the look that checks whether the resolver resolves other names than the target's.
type resolving struct {
	resolver Resolver
	other    string // a further name that the file trusts; empty for none
	checks   memo[error]
}

// newResolving returns the look. The host of the connectivity address is a further name to ask for.
func newResolving(options *RunnerOptions) *resolving {
	r := &resolving{resolver: options.Resolver}
	if r.resolver == nil {
		r.resolver = net.DefaultResolver
	}
	if host, _, err := net.SplitHostPort(options.Connectivity.Address); err == nil && net.ParseIP(host) == nil {
		r.other = host
	}
	return r
}

// wanted reports whether the look-up of the target's name failed.
func (*resolving) wanted(_ *run, o *blame.Observation) bool { return o.Outcome == blame.NotResolved }

// take fills Resolver.
func (r *resolving) take(ctx context.Context, x *run, o *blame.Observation) (looks []Look) {
	checked, asked := r.checks.ask(ctx, rootZone, func(last seen[error]) bool { return last.isFresh(x) }, r.check)
	if checked.end.IsZero() || isShortage(checked.what) {
		return nil
	}
	o.Resolver = blame.Check{At: checked.end, Passed: checked.what == nil, What: "the name servers of the root"}
	if !asked {
		return nil
	}
	look := Look{
		Kind: LookResolver, Start: checked.start, End: checked.end, Passed: checked.what == nil, Text: "the resolver resolves other names",
	}
	if checked.what != nil {
		look.Text = "the resolver resolves no other name: " + x.job.runner.secrets.Error(checked.what)
	}
	return append(looks, look)
}

// check asks for the name servers of the root, and for the further name if that fails: some resolvers serve only some zones.
func (r *resolving) check(ctx context.Context) error {
	further := make(chan error, 1)
	go func() {
		if r.other == "" {
			further <- &net.DNSError{Err: "no further name", IsNotFound: true}
			return
		}
		_, err := r.resolver.LookupHost(ctx, r.other)
		further <- err
	}()
	_, err := r.resolver.LookupNS(ctx, rootZone)
	if other := <-further; err != nil && other == nil {
		return nil
	}
	return err
}
