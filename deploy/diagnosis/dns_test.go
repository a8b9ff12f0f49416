//go:build diagnosis

package diagnosis_test

import (
	"net"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// targetName is the name of the target where the file has a name.
const targetName = "api.aisquare.test"

// dnsMode is what the DNS server answers.
type dnsMode int

const (
	dnsGood      dnsMode = iota
	dnsNoName            // the target's name does not exist; others do
	dnsBadZone           // SERVFAIL for the target's name; others resolve
	dnsServFail          // SERVFAIL for every name
	dnsRefused           // REFUSED for every name
	dnsSilent            // no answer at all
	dnsListed            // the target's name does not exist; REFUSED for every other name, as if it were not on a list
	dnsElsewhere         // an address at which nothing listens, for the target's name
)

// nameServer is a resolver that knows the target and answers the same address for every other name.
type nameServer struct {
	conn   net.PacketConn
	target [4]byte

	mu   sync.Mutex
	mode dnsMode
	lose int // queries to leave without an answer
}

func newNameServer(address string, target [4]byte) (*nameServer, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	n := &nameServer{conn: conn, target: target}
	go n.run()
	return n, nil
}

func (n *nameServer) set(mode dnsMode, lose int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mode, n.lose = mode, lose
}

// next returns the mode for a query; dnsSilent for one that gets lost.
func (n *nameServer) next() dnsMode {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lose > 0 {
		n.lose--
		return dnsSilent
	}
	return n.mode
}

func (n *nameServer) run() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		mode := n.next()
		if query.Unpack(packet[:size]) != nil || len(query.Questions) == 0 || mode == dnsSilent {
			continue
		}
		answer := n.answer(&query, mode)
		if packed, err := answer.Pack(); err == nil {
			_, _ = n.conn.WriteTo(packed, from)
		}
	}
}

func (n *nameServer) answer(query *dnsmessage.Message, mode dnsMode) *dnsmessage.Message {
	question := query.Questions[0]
	reply := &dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: query.ID, Response: true, RecursionDesired: query.RecursionDesired, RecursionAvailable: true,
		},
		Questions: query.Questions[:1],
	}
	address := [4]byte{127, 0, 0, 1}
	asked := strings.EqualFold(question.Name.String(), targetName+".")
	if asked {
		address = n.target
	}
	switch {
	case mode == dnsServFail, mode == dnsBadZone && asked:
		reply.RCode = dnsmessage.RCodeServerFailure
	case mode == dnsRefused, mode == dnsListed && !asked:
		reply.RCode = dnsmessage.RCodeRefused
	case (mode == dnsNoName || mode == dnsListed) && asked:
		reply.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeNS && question.Name.String() == ".": // every resolver knows the root: RFC 8109
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 518400},
			Body:   &dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.root-servers.net.")},
		}}
	case question.Type == dnsmessage.TypeA:
		if mode == dnsElsewhere && asked {
			address = [4]byte{127, 255, 255, 1}
		}
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: address},
		}}
	}
	return reply
}
