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

// rootZone is the name of the root of the DNS: RFC 1035, section 3.1. A resolver knows its name servers before any others: RFC 8109. It
// may refuse to tell them by its policy (RCODE 5: RFC 1035, section 4.1.1), for example if it resolves only the names on a list. unbound
// 1.17.1 with local-zone: "." refuse (https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html) and dnsmasq 2.90 with servers
// for some domains only refuse them in this way, and resolve the names on their lists.
const rootZone = "."

// resolverLook is the look that checks whether the resolver resolves other names than the target's.
type resolverLook struct {
	resolver Resolver
	other    string // the host of the connectivity address; empty if that is not a name
	checks   memo[resolved]
}

// resolved is how a question about another name was answered.
type resolved struct {
	name    string // for people
	err     error  // nil if the name was resolved
	refused bool   // the resolver refuses to answer, which says nothing about the names that it serves
}

// newResolverLook returns the look at the resolver of the options.
func newResolverLook(options *RunnerOptions) *resolverLook {
	r := &resolverLook{resolver: options.Resolver}
	if r.resolver == nil {
		r.resolver = net.DefaultResolver
	}
	if host, _, err := net.SplitHostPort(options.Connectivity.Address); err == nil && net.ParseIP(host) == nil {
		r.other = host
	}
	return r
}

// wanted reports whether the look-up of the target's name failed.
func (*resolverLook) wanted(_ *run, o *blame.Observation) bool { return o.Outcome == blame.NotResolved }

// ask fills Resolver.
func (r *resolverLook) ask(ctx context.Context, x *run, o *blame.Observation) (looks []Look) {
	checked, asked := r.checks.ask(ctx, rootZone, func(last seen[resolved]) bool { return last.isFresh(x) }, r.check)
	what := checked.what
	if checked.end.IsZero() || isShortage(what.err) {
		return nil
	}
	if !what.refused {
		o.Resolver = blame.Check{At: checked.end, Passed: what.err == nil, What: what.name}
	}
	if !asked {
		return nil
	}
	look := Look{
		Kind: LookResolver, Start: checked.start, End: checked.end, Passed: what.err == nil, Text: "the resolver resolves other names",
	}
	switch {
	case what.refused:
		look.Text = "the resolver refuses to tell the name servers of the root, which does not show that it is broken"
	case what.err != nil:
		look.Text = "the resolver resolves no other name: " + x.job.runner.secrets.Error(what.err)
	}
	return append(looks, look)
}

// check asks for the name servers of the root and for the other name. The other name counts if the root fails: some resolvers serve only
// some zones.
func (r *resolverLook) check(ctx context.Context) resolved {
	other := make(chan resolved, 1)
	go func() { other <- r.checkOther(ctx) }()
	_, err := r.resolver.LookupNS(ctx, rootZone)
	root := resolved{name: "the name servers of the root", err: err, refused: err != nil && dnsKind(err) == blame.DNSRefused}
	switch second := <-other; {
	case err == nil, r.other == "":
		return root
	case second.err == nil, root.refused && !second.refused:
		return second
	}
	return root
}

// checkOther asks for the other name.
func (r *resolverLook) checkOther(ctx context.Context) resolved {
	if r.other == "" {
		return resolved{}
	}
	_, err := r.resolver.LookupHost(ctx, r.other)
	kind := blame.DNSNone
	if err != nil {
		kind = dnsKind(err)
	}
	return resolved{name: r.other, err: err, refused: kind == blame.DNSRefused || kind == blame.DNSNoName}
}
