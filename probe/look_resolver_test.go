package probe_test

import (
	"context"
	"net"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
)

// resolver is a resolver that fails in one way, or hangs.
type resolver struct {
	err   error
	hangs bool
	hosts error // of other names than the root
	asked int
}

func (r *resolver) LookupNS(ctx context.Context, _ string) ([]*net.NS, error) {
	r.asked++
	if r.hangs {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	}
	return []*net.NS{{Host: "a.root-servers.net."}}, r.err
}

func (r *resolver) LookupHost(context.Context, string) ([]string, error) {
	return []string{"192.0.2.1"}, r.hosts
}

// unresolved dials with an error of the resolver. A nil error hangs in the look-up until the timeout of the probe.
func unresolved(err *net.DNSError) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		httptrace.ContextClientTrace(ctx).DNSStart(httptrace.DNSStartInfo{Host: "target.example"})
		if err == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, &net.OpError{Op: "dial", Err: err}
	}
}

// TestWhoFailedToResolveTheName has failures of the zone and of the resolver.
func TestWhoFailedToResolveTheName(t *testing.T) {
	servfail := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	refused := &net.DNSError{Err: "server misbehaving"} // package net says so of every code but SERVFAIL and NXDOMAIN
	for name, c := range map[string]struct {
		err      *net.DNSError // nil for no answer
		resolver *resolver
		blame    probe.Blame
	}{
		"the name does not exist":        {&net.DNSError{Err: "no such host", IsNotFound: true}, &resolver{}, probe.BlameAPI},
		"the zone does not answer":       {servfail, &resolver{}, probe.BlameAPI},
		"the resolver is broken":         {servfail, &resolver{err: servfail, hosts: servfail}, probe.BlameResolver},
		"the resolver is silent":         {nil, &resolver{hangs: true}, probe.BlameResolver},
		"the resolver says no such name": {&net.DNSError{Err: "no such host", IsNotFound: true}, &resolver{err: servfail}, probe.BlameResolver},
		"the resolver refuses the root, the name does not exist": {
			&net.DNSError{Err: "no such host", IsNotFound: true}, &resolver{err: refused}, probe.BlameAPI,
		},
		"the resolver refuses the root, the zone fails": {servfail, &resolver{err: refused}, probe.BlameUnknown},
		"the resolver refuses everything":               {refused, &resolver{err: refused, hosts: refused}, probe.BlameResolver},
		"the resolver refuses this name alone":          {refused, &resolver{}, probe.BlameResolver},
		"the resolver refuses connections": {
			&net.DNSError{Err: "read udp 127.0.0.53:53: connection refused"}, &resolver{hangs: true}, probe.BlameResolver,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{Dial: unresolved(c.err), Resolver: c.resolver})
				r := j.Run(t.Context(), time.Now())
				if r.Blame != c.blame || looks(r) != "resolver" {
					t.Errorf("want %q blamed after a look, got %q (%s), looks %q: %s", c.blame, r.Blame, because(r), looks(r), r.Reason)
				}
				if r.End.Sub(r.Attempts[0].End) > 2*time.Second {
					t.Errorf("want a look of at most 2s, got %v", r.End.Sub(r.Attempts[0].End))
				}
			})
		})
	}
}

// TestTheNameOfTheConnectivityAddressProvesTheResolver has a resolver that refuses the root, but resolves the connectivity address.
func TestTheNameOfTheConnectivityAddressProvesTheResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.up.Store(true)
		ns := &resolver{err: &net.DNSError{Err: "server misbehaving"}}
		j := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
			Dial: unresolved(&net.DNSError{Err: "no such host", IsNotFound: true}), Resolver: ns,
			Connectivity: probe.Connectivity{Address: "other.example:53"}, DialConnectivity: n.other,
		})
		if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameAPI || looks(r) != "connectivity resolver" {
			t.Errorf("want the zone blamed, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
		for range 5 {
			j.Run(t.Context(), time.Now())
		}
		if ns.asked > 6 {
			t.Errorf("want at most a look a second, got %d", ns.asked)
		}
	})
}

// TestAResolverThatFailsIsNotOurNetwork has a connectivity address that is not resolved either.
func TestAResolverThatFailsIsNotOurNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servfail := &net.DNSError{Err: "server misbehaving"}
		j := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
			Dial: unresolved(servfail), Resolver: &resolver{err: servfail, hosts: servfail},
			Connectivity: probe.Connectivity{Address: "other.example:53"}, DialConnectivity: unresolvedOther,
		})
		if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameResolver || looks(r) != "connectivity resolver" {
			t.Errorf("want the resolver blamed, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
	})
}

// TestAnotherNameShowsThatAResolverFails has a resolver that may refuse the root by its policy, and that fails for the connectivity
// address.
func TestAnotherNameShowsThatAResolverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servfail := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
		j := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
			Dial: unresolved(servfail), Resolver: &resolver{err: &net.DNSError{Err: "server misbehaving"}, hosts: servfail},
			Connectivity: probe.Connectivity{Address: "other.example:53"}, DialConnectivity: unresolvedOther,
		})
		if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameResolver {
			t.Errorf("want the resolver blamed, got %q (%s), looks %q", r.Blame, because(r), looks(r))
		}
	})
}

func unresolvedOther(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving"}}
}
