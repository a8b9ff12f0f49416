package probe

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// stopwatch turns the events that httptrace reports for one attempt into phases. Its hooks are called from several goroutines.
// A dial that lost the race may call them after the attempt has ended; such events are ignored.
type stopwatch struct {
	mu       sync.Mutex
	stopped  bool
	sessions int             // completed TLS handshakes
	cancel   func(err error) // ends the attempt
	resent   func()          // called before the transport sends the request again
	lap
}

// lap is what was measured while the request was sent once. An attempt has one lap, unless the transport sends the request again.
type lap struct {
	dns      mark
	connect  mark
	tls      mark
	send     mark
	wait     mark
	receive  mark
	connects []connected
	conn     net.Conn
	reused   bool // the connection was made for another request
}

// mark is the progress of a phase.
type mark struct {
	begun bool
	done  time.Time
}

// connected is one successful dial. There can be several, because addresses are dialled in parallel (RFC 8305).
type connected struct {
	address string
	at      time.Time
}

// hooks returns the trace to put on the request's context.
func (s *stopwatch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              s.getConn,
		DNSStart:             func(httptrace.DNSStartInfo) { s.record(func(time.Time) { s.dns = mark{begun: true} }) },
		DNSDone:              s.dnsDone,
		ConnectStart:         func(_, _ string) { s.record(func(time.Time) { s.connect.begun = true }) },
		ConnectDone:          s.connectDone,
		TLSHandshakeStart:    func() { s.record(func(time.Time) { s.tls = mark{begun: true} }) },
		TLSHandshakeDone:     s.tlsDone,
		GotConn:              s.gotConn,
		WroteRequest:         s.wroteRequest,
		GotFirstResponseByte: s.firstByte,
		Got1xxResponse:       s.hint,
	}
}

// record applies a change with the lock held, unless the attempt has ended.
func (s *stopwatch) record(change func(now time.Time)) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		change(now)
	}
}

func (s *stopwatch) dnsDone(info httptrace.DNSDoneInfo) {
	s.record(func(now time.Time) {
		if info.Err == nil { // after an error the phase lasts until the attempt ends
			s.dns.done = now
		}
	})
}

func (s *stopwatch) connectDone(_, address string, err error) {
	s.record(func(now time.Time) {
		if err == nil {
			s.connects = append(s.connects, connected{address, now})
		}
	})
}

func (s *stopwatch) tlsDone(_ tls.ConnectionState, err error) {
	s.record(func(now time.Time) {
		if err != nil {
			return
		}
		s.tls.done = now
		if s.sessions++; s.sessions > maxSessions {
			s.cancel(errClosing)
		}
	})
}

// getConn is called again when a connection broke before an answer came, and the transport takes another one. If the request
// had been sent, the server may have processed it, so the transport's retry becomes an attempt of its own.
func (s *stopwatch) getConn(string) {
	s.mu.Lock()
	sent := s.conn != nil && !s.send.done.IsZero()
	s.mu.Unlock()
	if sent {
		s.resent()
	}
}

// gotConn may be called twice: when an idle connection turns out to be closed, the transport takes another one.
func (s *stopwatch) gotConn(info httptrace.GotConnInfo) {
	s.record(func(now time.Time) {
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
	s.record(func(now time.Time) {
		if info.Err == nil && !s.receive.begun {
			s.send.done, s.wait.begun = now, true
		}
	})
}

// hint is called for an informational answer such as 103 Early Hints. The wait phase starts again.
func (s *stopwatch) hint(int, textproto.MIMEHeader) error {
	s.record(func(time.Time) { s.wait, s.receive = mark{begun: true}, mark{} })
	return nil
}

// firstByte ends the send phase, even if the request is not completely written or the write is not reported yet. After a hint
// the transport does not call it, so [send] calls it when it has the head of the answer.
func (s *stopwatch) firstByte() {
	s.record(func(now time.Time) {
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

// brokenPhase returns the phase in which making the connection failed; nothing if there was a connection. If a TLS handshake
// succeeded but there is no connection, the handshake was with a proxy that did not connect to the target.
func (l *lap) brokenPhase(a *Attempt) PhaseKind {
	if l.conn != nil || len(a.Phases) == 0 {
		return ""
	}
	last := a.Phases[len(a.Phases)-1].Kind
	if last == PhaseTLS && !l.tls.done.IsZero() {
		return PhaseConnect
	}
	return last
}

// stop ends the measurement and returns the last lap.
func (s *stopwatch) stop() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.lap
}

// next returns the current lap and starts another one.
func (s *stopwatch) next() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.lap
	s.lap = lap{}
	return done
}

// phases returns the phases of a lap. They are contiguous from start to end, so their sum is the duration of the attempt. The
// last phase is the one in which the attempt ended.
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
		phases = append(phases, Phase{Kind: kind, Start: from, End: until})
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
