package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// resolver resolves names. Its errors name the DNS server that was asked.
type resolver struct {
	system *net.Resolver
	server string // of [Network.Resolver]; empty for those of the system
}

var _ Resolver = (*resolver)(nil)

// LookupNetIP is like LookupNetIP of net.Resolver.
func (r *resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	ips, err := r.system.LookupNetIP(ctx, network, host)
	return ips, r.named(err)
}

// LookupHost is like LookupHost of net.Resolver.
func (r *resolver) LookupHost(ctx context.Context, host string) ([]string, error) {
	hosts, err := r.system.LookupHost(ctx, host)
	return hosts, r.named(err)
}

// LookupNS is like LookupNS of net.Resolver.
func (r *resolver) LookupNS(ctx context.Context, name string) ([]*net.NS, error) {
	list, err := r.system.LookupNS(ctx, name)
	return list, r.named(err)
}

// named corrects the server that an error names. Package net names one of /etc/resolv.conf, although Dial of the resolver connects to
// another (https://github.com/golang/go/issues/52428). An error without a server stays as it is: no server was asked.
func (r *resolver) named(err error) error {
	dns, ok := errors.AsType[*net.DNSError](err)
	if !ok || r.server == "" || dns.Server == "" {
		return err
	}
	corrected := *dns
	corrected.Server = r.server
	return &corrected
}
