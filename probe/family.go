package probe

import (
	"context"
	"net"
	"time"
)

// headStart is how long only the preferred family is tried. It is the default FallbackDelay of net.Dialer
// (https://pkg.go.dev/net#Dialer).
const headStart = 300 * time.Millisecond

// familyDialer dials the addresses of one IP family first. It dials those of the other family when the first ones fail, or after
// the head start.
type familyDialer struct {
	dialer *net.Dialer
	ipv6   bool
}

// dial makes a connection, like net.Dialer.DialContext. It resolves the name before the head start begins.
func (p familyDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	resolver := p.dialer.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var first, second []string
	for _, ip := range ips {
		to := net.JoinHostPort(ip.Unmap().String(), port)
		if ip.Unmap().Is6() == p.ipv6 {
			first = append(first, to)
		} else {
			second = append(second, to)
		}
	}
	if len(first) == 0 || len(second) == 0 {
		return p.dialInOrder(ctx, network, append(first, second...))
	}
	return race(ctx,
		func(ctx context.Context) (net.Conn, error) { return p.dialInOrder(ctx, network, first) },
		func(ctx context.Context) (net.Conn, error) { return p.dialInOrder(ctx, network, second) })
}

// dialInOrder dials addresses until one accepts a connection.
func (p familyDialer) dialInOrder(ctx context.Context, network string, addresses []string) (conn net.Conn, err error) {
	for _, address := range addresses {
		if conn, err = p.dialer.DialContext(ctx, network, address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// race returns the first of two connections that succeeds. It starts the second dial when the first has failed, or after the
// head start. It closes a second connection.
func race(ctx context.Context, first, second func(context.Context) (net.Conn, error)) (net.Conn, error) {
	type outcome struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, 2)
	failed := make(chan struct{})
	go func() {
		conn, err := first(ctx)
		if err != nil {
			close(failed)
		}
		outcomes <- outcome{conn, err}
	}()
	go func() {
		select {
		case <-failed:
		case <-time.After(headStart):
		case <-ctx.Done():
		}
		conn, err := second(ctx)
		outcomes <- outcome{conn, err}
	}()
	winner := <-outcomes
	if winner.err != nil {
		winner = <-outcomes
		return winner.conn, winner.err
	}
	cancel()
	if loser := <-outcomes; loser.err == nil {
		_ = loser.conn.Close()
	}
	return winner.conn, nil
}
