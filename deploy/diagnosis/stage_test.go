//go:build diagnosis

package diagnosis_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// The second principal of a stage, and the one that logs in.
const (
	partnerKey = "aisq-partner-key"
	member     = "ada"
	password   = "lovelace-1815"
)

// tokenLifetime is how long the tokens of a stage's login last, where they are short.
const tokenLifetime = 6 * time.Second

// stage is everything around one daemon: the target and the way to it, Slack, and what can be broken. It has a loopback address of its own.
type stage struct {
	setup  setup
	folder string
	ip     net.IP
	rng    *rand.Rand

	front    *front
	api      *aisquaretest.API
	gate     *gate // before the target
	server   *http.Server
	certs    *certificates
	dns      *nameServer
	proxy    *proxy
	other    *gate // the address that is nearly always reachable
	django   *site
	slack    *slackstub.Server
	daemon   *daemon
	closers  []func()
	mu       sync.Mutex
	healed   chan struct{}
	pending  sync.WaitGroup
	laterErr error
}

// newStage builds a stage that works. number gives it its address.
func newStage(s setup, folder string, number int, seed uint64) (_ *stage, err error) {
	st := &stage{
		setup: s, folder: folder, ip: net.IPv4(127, 77, byte(number/250), byte(number%250+1)),
		rng: rand.New(rand.NewPCG(seed, uint64(number))), healed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	st.slack = slackstub.New()
	st.closers = append(st.closers, st.slack.Close)
	st.front = &front{rng: rand.New(rand.NewPCG(seed, 1))}
	if s.django != nil {
		return st, st.startDjango()
	}
	st.api = newAPI(s)
	st.front.next = st.api
	return st, errors.Join(st.serve(), st.surround())
}

// newAPI returns a stand-in for the API with all principals.
func newAPI(s setup) *aisquaretest.API {
	options := aisquaretest.Options{KeepRequests: -1, AccessLifetime: tokenLifetime, RefreshLifetime: time.Hour}
	if s.long {
		options.AccessLifetime = 0
	}
	a := aisquaretest.New(options)
	a.AddKey("other", partnerKey)
	a.AddUser(member, password)
	a.AddStudio(aisquaretest.Studio{
		URL: aisquaretest.DefaultStudio, Visibility: aisquaretest.Public, Owner: aisquaretest.DefaultOwner, Members: []string{member, "other"},
	})
	return a
}

// at returns an address of the stage.
func (s *stage) at(port int) string { return fmt.Sprintf("%s:%d", s.ip, port) }

// chance returns a number from 0 to 1.
func (s *stage) chance() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64()
}

// serve starts the target.
func (s *stage) serve() error {
	g, err := newGate(s.at(8080), rand.New(rand.NewPCG(s.rng.Uint64(), 2)))
	if err != nil {
		return err
	}
	s.gate = g
	s.server = &http.Server{Handler: s.front, ErrorLog: log.New(io.Discard, "", 0)}
	var l net.Listener = g
	if s.setup.tls || s.setup.proxy {
		if s.certs, err = newCertificates(s.ip); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.folder, "ca.pem"), s.certs.trusted.pem(), 0o600); err != nil {
			return err
		}
		l = tls.NewListener(g, s.certs.config())
	}
	go func() { _ = s.server.Serve(l) }()
	s.closers = append(s.closers, func() { _ = s.server.Close() }, func() { _ = g.Close() })
	return nil
}

// surround starts what else is between the daemon and its target.
func (s *stage) surround() (err error) {
	if s.setup.name {
		if s.dns, err = newNameServer(s.at(5353), [4]byte(s.ip.To4())); err != nil {
			return err
		}
		s.closers = append(s.closers, func() { _ = s.dns.conn.Close() })
	}
	if s.setup.proxy {
		g, err := newGate(s.at(3128), rand.New(rand.NewPCG(1, 1)))
		if err != nil {
			return err
		}
		s.proxy = newProxy(g)
		s.closers = append(s.closers, s.proxy.close)
	}
	if s.setup.connectivity {
		if s.other, err = newGate(s.at(53), rand.New(rand.NewPCG(1, 1))); err != nil {
			return err
		}
		go closeAll(s.other)
		s.closers = append(s.closers, func() { _ = s.other.Close() })
	}
	return nil
}

// closeAll closes every connection that it accepts.
func closeAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

// after does something a while after the fault began, unless the stage was healed.
func (s *stage) after(d time.Duration, do func() error) {
	s.pending.Go(func() {
		select {
		case <-s.healed:
		case <-time.After(d):
			err := do()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.laterErr = errors.Join(s.laterErr, err)
		}
	})
}

// heal undoes everything that an action may have done.
func (s *stage) heal() error {
	close(s.healed)
	s.pending.Wait()
	s.front.heal()
	err := s.laterErr
	if s.api != nil {
		for _, name := range []string{aisquaretest.DefaultKey, partnerKey, member, aisquaretest.DefaultOwner, "other"} {
			s.api.Restore(name)
		}
		s.api.AddUser(member, password)
	}
	if s.gate != nil {
		err = errors.Join(err, s.gate.set(gateOpen, 1))
	}
	if s.certs != nil {
		s.certs.set(tlsGood)
	}
	if s.dns != nil {
		s.dns.set(dnsGood, 0)
	}
	if s.proxy != nil {
		s.proxy.refuse(0)
		err = errors.Join(err, s.proxy.gate.set(gateOpen, 1))
	}
	if s.other != nil {
		err = errors.Join(err, s.other.set(gateOpen, 1))
	}
	if s.django != nil {
		err = errors.Join(err, s.django.heal())
	}
	return errors.Join(err, s.daemon.heal())
}

// close stops everything.
func (s *stage) close() {
	if s.daemon != nil {
		s.daemon.kill()
	}
	for _, do := range slices.Backward(s.closers) {
		do()
	}
}
