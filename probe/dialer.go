package probe

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/netip"
	"syscall"
	"time"
)

// Delays of RFC 8305, sections 3 and 5, with the values that section 8 recommends.
const (
	resolutionDelay = 50 * time.Millisecond  // how much longer the look-up of the preferred family may take
	attemptDelay    = 250 * time.Millisecond // after which the next address is tried too
)

// dialer makes connections as RFC 8305 says: one address, one family or one DNS server that does not answer does not take the time of the
// others. net.Dialer does not: it waits for both look-ups, and tries the addresses of a family one after the other. It divides the time
// until a deadline between them, and since Go 1.23 http.Transport dials without the deadline of the request
// (https://github.com/golang/go/blob/master/src/net/http/transport.go, getConn).
type dialer struct {
	net.Dialer

	resolver *resolver
	families []string // networks of look-ups, the preferred one first; ip4 and ip6 as for LookupNetIP of net.Resolver
}

// newDialer returns a dialer that follows [Network.Prefer]. control may refuse its sockets; nil refuses none.
func newDialer(resolver *resolver, prefer string, control controlFunc) *dialer {
	families := map[string][]string{"ipv4": {"ip4", "ip6"}, "ipv4-only": {"ip4"}, "ipv6-only": {"ip6"}}[prefer]
	if families == nil {
		families = []string{"ip6", "ip4"} // RFC 6724 and RFC 8305 prefer IPv6
	}
	return &dialer{Dialer: net.Dialer{KeepAlive: 30 * time.Second, Control: control}, resolver: resolver, families: families}
}

// dial makes a connection, like DialContext of net.Dialer.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.DialContext(ctx, network, address)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &dialRace{dialer: d, network: network, port: port, found: make(chan lookup), ended: make(chan dialled)}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.DNSStart != nil {
		trace.DNSStart(httptrace.DNSStartInfo{Host: host})
	}
	err = r.resolve(ctx, host)
	if trace != nil && trace.DNSDone != nil {
		trace.DNSDone(httptrace.DNSDoneInfo{Err: err})
	}
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// lookup is the result of looking up the addresses of one family.
type lookup struct {
	family int // index in the dialer's families
	ips    []netip.Addr
	err    error
}

// dialled is the result of dialling one address.
type dialled struct {
	conn net.Conn
	err  error
}

// dialRace makes one connection. Only one goroutine uses it, except for the channels.
type dialRace struct {
	*dialer

	network, port string
	found         chan lookup
	ended         chan dialled
	lookingUp     int             // look-ups that have not ended
	dialling      int             // dials that have not ended
	waiting       [2][]netip.Addr // addresses that were not dialled, by family
	next          int             // the family of the next dial; the families take turns
	lookupErr     error
	dialErr       error
}

// resolve starts the look-ups. It returns when there is an address to begin with: one of the preferred family or, if that takes longer or
// has none, one of the other. After an error there is none.
func (r *dialRace) resolve(ctx context.Context, host string) error {
	for i, family := range r.families {
		r.lookingUp++
		go func() {
			ips, err := r.resolver.LookupNetIP(untraced{ctx}, family, host) //nolint:contextcheck // inherits all but the values
			select {
			case r.found <- lookup{i, ips, err}:
			case <-ctx.Done():
			}
		}()
	}
	var late <-chan time.Time
	for r.lookingUp > 0 && len(r.waiting[0]) == 0 {
		select {
		case l := <-r.found:
			r.add(l)
			if late == nil && len(r.waiting[1]) > 0 {
				late = time.After(resolutionDelay)
			}
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if len(r.waiting[0])+len(r.waiting[1]) == 0 {
		return r.lookupErr
	}
	return nil
}

// add keeps the result of a look-up. Of two errors, it keeps the one that says more than that the name has no addresses of a family.
func (r *dialRace) add(l lookup) {
	r.lookingUp--
	r.waiting[l.family] = l.ips
	if dns, ok := errors.AsType[*net.DNSError](r.lookupErr); r.lookupErr == nil || ok && dns.IsNotFound && l.err != nil {
		r.lookupErr = l.err
	}
}

// run dials the addresses. It dials another one when a dial fails, and after the delay. The first connection wins.
func (r *dialRace) run(ctx context.Context) (net.Conn, error) {
	timer := time.NewTimer(attemptDelay)
	defer timer.Stop()
	r.dialNext(ctx)
	for r.dialling+r.lookingUp > 0 {
		select {
		case l := <-r.found:
			r.add(l)
			if r.dialling > 0 {
				continue
			}
		case d := <-r.ended:
			r.dialling--
			if d.err == nil {
				return d.conn, nil
			}
			if r.dialErr == nil || isOurSide(r.dialErr) {
				r.dialErr = d.err
			}
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		r.dialNext(ctx)
		timer.Reset(attemptDelay)
	}
	return nil, r.dialErr
}

// dialNext dials the next address, if there is one.
func (r *dialRace) dialNext(ctx context.Context) {
	if len(r.waiting[r.next]) == 0 {
		r.next = 1 - r.next
	}
	if len(r.waiting[r.next]) == 0 {
		return
	}
	to := net.JoinHostPort(r.waiting[r.next][0].Unmap().String(), r.port)
	r.waiting[r.next] = r.waiting[r.next][1:]
	r.next = 1 - r.next
	r.dialling++
	go func() {
		conn, err := r.DialContext(ctx, r.network, to)
		select {
		case r.ended <- dialled{conn, err}:
		case <-ctx.Done(): // another connection won
			if err == nil {
				_ = conn.Close()
			}
		}
	}()
}

// isOurSide reports whether this machine has no way to an address, for example none of its family. The error of another address says more
// about the target. The errors are those of connect(2): https://man7.org/linux/man-pages/man2/connect.2.html.
func isOurSide(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// untraced is a context without values. Package net reports the dials to DNS servers to the trace of the request, as if they were dials to
// the target (https://github.com/golang/go/issues/25198); its own dialer hides them in a similar way.
type untraced struct {
	context.Context //nolint:containedctx // it is a context
}

// Value returns nothing.
func (untraced) Value(any) any { return nil }
