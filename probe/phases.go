package probe

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// stopwatch turns what httptrace reports of one attempt into phases. Its hooks are called from several goroutines, and a
// dial that lost the race may call them after the attempt has ended; what is read then no longer changes.
type stopwatch struct {
	mu       sync.Mutex
	stopped  bool
	sessions int             // TLS sessions that were made
	giveUp   func(err error) // ends the attempt
	resent   func()          // told before the transport sends again what it has sent already
	lap
}

// lap is what is known of one time that the request was sent, or was to be.
type lap struct {
	dns      mark
	connect  mark
	tls      mark
	send     mark
	wait     mark
	receive  mark
	connects []connected
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
		GetConn:              s.getConn,
		DNSStart:             func(httptrace.DNSStartInfo) { s.note(func(time.Time) { s.dns = mark{begun: true} }) },
		DNSDone:              s.dnsDone,
		ConnectStart:         func(_, _ string) { s.note(func(time.Time) { s.connect.begun = true }) },
		ConnectDone:          s.connectDone,
		TLSHandshakeStart:    func() { s.note(func(time.Time) { s.tls = mark{begun: true} }) },
		TLSHandshakeDone:     s.tlsDone,
		GotConn:              s.gotConn,
		WroteRequest:         s.wroteRequest,
		GotFirstResponseByte: s.firstByte,
		Got1xxResponse:       s.hint,
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

// getConn comes again when a connection broke, or was given up by the server, before an answer came: the transport takes
// another one and sends again. When the request was sent the other side may have seen it, and worked on it.
func (s *stopwatch) getConn(string) {
	s.mu.Lock()
	sent := s.conn != nil && !s.send.done.IsZero()
	s.mu.Unlock()
	if sent {
		s.resent()
	}
}

// gotConn may come twice: when nothing could be sent over an idle connection, the transport takes another one.
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

// hint is an answer before the answer, such as 103 Early Hints: the wait goes on.
func (s *stopwatch) hint(int, textproto.MIMEHeader) error {
	s.note(func(time.Time) { s.wait, s.receive = mark{begun: true}, mark{} })
	return nil
}

// firstByte may come before the request is wholly written, or before that is reported: sending is over all the same. After a
// hint the transport does not report it, so that it is told when the head has come.
func (s *stopwatch) firstByte() {
	s.note(func(now time.Time) {
		if s.receive.begun {
			return
		}
		if s.send.done.IsZero() {
			s.send.done = now
		}
		s.wait = mark{begun: true, done: now}
		s.receive.begun = true
	})
}

// broke returns the phase of making a connection in which an attempt ended; nothing when it had its connection. Where a TLS
// session was made and yet there is none, the session was with a proxy, which did not connect us.
func (l *lap) broke(a *Attempt) PhaseKind {
	if l.conn != nil || len(a.Phases) == 0 {
		return ""
	}
	last := a.Phases[len(a.Phases)-1].Kind
	if last == PhaseTLS && !l.tls.done.IsZero() {
		return PhaseConnect
	}
	return last
}

// stop ends the attempt and returns its last lap.
func (s *stopwatch) stop() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.lap
}

// next ends a lap, returns it and begins another one.
func (s *stopwatch) next() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.lap
	s.lap = lap{}
	return done
}

// phases returns the phases of a lap: contiguous from start to end, so that they sum to the attempt. The last one is where
// the attempt ended, well or badly.
func (l *lap) phases(start, end time.Time) []Phase {
	if l.reused {
		l.dns, l.connect, l.tls = mark{}, mark{}, mark{}
	}
	if l.conn == nil && len(l.connects) > 0 && l.connect.done.IsZero() && l.tls.begun {
		l.connect.done = l.connects[0].at
	}
	marks := [...]mark{l.dns, l.connect, l.tls, l.send, l.wait, l.receive}
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
