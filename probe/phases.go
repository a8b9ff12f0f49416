package probe

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// stopwatch turns what httptrace reports of one attempt into phases. Its hooks are called from several goroutines, and a
// dial that lost the race may call them after the attempt has ended; what is read then no longer changes.
type stopwatch struct {
	mu       sync.Mutex
	stopped  bool
	dns      mark
	connect  mark
	tls      mark
	send     mark
	wait     mark
	receive  mark
	connects []connected
	sessions int             // TLS sessions that were made
	giveUp   func(err error) // ends the attempt
	conn     net.Conn
	reused   bool // the connection was made for an earlier request, or by one that no longer wants it
}

// mark is how far a phase came: begun, and when it was done.
type mark struct {
	begun bool
	done  time.Time
}

// connected is one successful dial; happy eyeballs make several.
type connected struct {
	address string
	at      time.Time
}

// hooks returns the trace to put on the request's context.
func (s *stopwatch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { s.note(func(time.Time) { s.dns = mark{begun: true} }) },
		DNSDone:              s.dnsDone,
		ConnectStart:         func(_, _ string) { s.note(func(time.Time) { s.connect.begun = true }) },
		ConnectDone:          s.connectDone,
		TLSHandshakeStart:    func() { s.note(func(time.Time) { s.tls = mark{begun: true} }) },
		TLSHandshakeDone:     s.tlsDone,
		GotConn:              s.gotConn,
		WroteRequest:         s.wroteRequest,
		GotFirstResponseByte: s.firstByte,
	}
}

// note runs a change under the lock, unless the attempt has ended.
func (s *stopwatch) note(change func(now time.Time)) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		change(now)
	}
}

func (s *stopwatch) dnsDone(info httptrace.DNSDoneInfo) {
	s.note(func(now time.Time) {
		if info.Err == nil { // a failed look-up lasts until the attempt ends
			s.dns.done = now
		}
	})
}

func (s *stopwatch) connectDone(_, address string, err error) {
	s.note(func(now time.Time) {
		if err == nil {
			s.connects = append(s.connects, connected{address, now})
		}
	})
}

func (s *stopwatch) tlsDone(_ tls.ConnectionState, err error) {
	s.note(func(now time.Time) {
		if err != nil {
			return
		}
		s.tls.done = now
		if s.sessions++; s.sessions > maxSessions {
			s.giveUp(errUnsteady)
		}
	})
}

// gotConn may come twice: when an idle connection turns out to be dead, the transport takes another one and sends again.
func (s *stopwatch) gotConn(info httptrace.GotConnInfo) {
	s.note(func(now time.Time) {
		s.conn, s.reused = info.Conn, info.Reused || info.WasIdle
		s.send, s.wait, s.receive = mark{begun: true}, mark{}, mark{}
		if s.reused {
			return
		}
		s.connect.done = now
		if s.tls.begun && s.tls.done.IsZero() {
			s.tls.done = now
		}
		for _, c := range s.connects {
			if c.address == info.Conn.RemoteAddr().String() {
				s.connect.done = c.at
			}
		}
	})
}

func (s *stopwatch) wroteRequest(info httptrace.WroteRequestInfo) {
	s.note(func(now time.Time) {
		if info.Err == nil && !s.receive.begun {
			s.send.done, s.wait.begun = now, true
		}
	})
}

// firstByte may come before the request is wholly written, or before that is reported: sending is over all the same.
func (s *stopwatch) firstByte() {
	s.note(func(now time.Time) {
		if s.send.done.IsZero() {
			s.send.done = now
		}
		s.wait = mark{begun: true, done: now}
		s.receive.begun = true
	})
}

// broke returns the phase of making a connection in which a stopped attempt ended; nothing when it had its connection.
func (s *stopwatch) broke(a *Attempt) PhaseKind {
	if s.conn != nil || len(a.Phases) == 0 {
		return ""
	}
	return a.Phases[len(a.Phases)-1].Kind
}

// stop ends the attempt and returns its phases: contiguous from start to end, so that they sum to the attempt. The last
// one is where the attempt ended, well or badly.
func (s *stopwatch) stop(start, end time.Time) []Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.reused {
		s.dns, s.connect, s.tls = mark{}, mark{}, mark{}
	}
	if s.conn == nil && len(s.connects) > 0 && s.connect.done.IsZero() && s.tls.begun {
		s.connect.done = s.connects[0].at
	}
	marks := [...]mark{s.dns, s.connect, s.tls, s.send, s.wait, s.receive}
	phases := make([]Phase, 0, len(marks))
	from := start
	for i, kind := range PhaseKinds() {
		m := marks[i]
		if !m.begun {
			continue
		}
		until := m.done
		if until.IsZero() || until.After(end) {
			until = end
		}
		if until.Before(from) {
			until = from
		}
		phases = append(phases, Phase{kind, from, until})
		from = until
		if m.done.IsZero() && i < len(marks)-1 && !anyBegun(marks[i+1:]) {
			break
		}
	}
	if len(phases) > 0 {
		phases[len(phases)-1].End = end
	}
	return phases
}

func anyBegun(marks []mark) bool {
	for _, m := range marks {
		if m.begun {
			return true
		}
	}
	return false
}
