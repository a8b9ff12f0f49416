package probe

import (
	"context"
	"net"
	"time"
)

// headStart is how long the preferred family has for itself: as long as net.Dialer gives the family that it tries first.
const headStart = 300 * time.Millisecond

// preferring dials the addresses of one family first, and those of the other when that fails or takes longer than its head start.
type preferring struct {
	dialer *net.Dialer
	ipv6   bool
}

// dial makes a connection, as net.Dialer.DialContext does. It resolves by itself, so that the head start is not spent on that.
func (p preferring) dial(ctx context.Context, network, address string) (net.Conn, error) {
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
		return p.inTurn(ctx, network, append(first, second...))
	}
	return race(ctx,
		func(ctx context.Context) (net.Conn, error) { return p.inTurn(ctx, network, first) },
		func(ctx context.Context) (net.Conn, error) { return p.inTurn(ctx, network, second) })
}

// inTurn dials addresses until one takes the connection.
func (p preferring) inTurn(ctx context.Context, network string, addresses []string) (conn net.Conn, err error) {
	for _, address := range addresses {
		if conn, err = p.dialer.DialContext(ctx, network, address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// race makes the first of two connections that can be had. The second is tried when the first has failed, or is not there
// after its head start. What comes too late is closed.
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
