//go:build soak

package soak_test

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// targetName is the name of the target. Only the name server of the soak knows it.
const targetName = "api.aisquare.test"

// naming is how the name server treats queries while something is wrong.
type naming struct {
	silent bool
	delay  time.Duration
	code   dnsmessage.RCode
}

// names is a name server that answers 127.0.0.1 for every name: RFC 1035.
type names struct {
	troubles[naming]

	conn  net.PacketConn
	state sync.Mutex
	now   naming
}

func newNames(ctx context.Context) (*names, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &names{conn: conn}
	n.apply = func(what *naming) {
		n.state.Lock()
		defer n.state.Unlock()
		n.now = naming{}
		if what != nil {
			n.now = *what
		}
	}
	go n.serve()
	return n, nil
}

// serve answers queries until the connection is closed.
func (n *names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		n.state.Lock()
		now := n.now
		n.state.Unlock()
		var query dnsmessage.Message
		if now.silent || query.Unpack(packet[:size]) != nil || len(query.Questions) == 0 {
			continue
		}
		answer := answerTo(&query, now.code)
		packed, err := answer.Pack()
		if err != nil {
			continue
		}
		time.AfterFunc(now.delay, func() { _, _ = n.conn.WriteTo(packed, from) })
	}
}

// answerTo returns the answer to a query.
func answerTo(query *dnsmessage.Message, code dnsmessage.RCode) *dnsmessage.Message {
	question := query.Questions[0]
	header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}
	reply := &dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: query.ID, Response: true, RecursionDesired: query.RecursionDesired, RecursionAvailable: true, RCode: code,
		},
		Questions: query.Questions[:1],
	}
	switch {
	case code != dnsmessage.RCodeSuccess:
	case question.Type == dnsmessage.TypeA:
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case question.Type == dnsmessage.TypeNS: // of the root, for which the daemon asks when a name does not resolve
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.root-servers.net.")}}}
	}
	return reply
}
