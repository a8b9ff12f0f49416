//go:build soak

package soak_test

import (
	"sync/atomic"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// pickPath returns the endpoint that a fault is about.
func pickPath(f fault) string { return paths()[f.Pick%uint64(len(paths()))] }

// endpoint breaks one endpoint of the target.
func endpoint(what broken) func(*stage, fault) (func(), error) {
	return func(s *stage, f fault) (func(), error) { return s.target.parts[pickPath(f)].begin(what), nil }
}

// breakAll breaks several paths, and returns what mends them.
func breakAll(s *stage, what broken, paths ...string) (end func()) {
	var ends []func()
	for _, path := range paths {
		ends = append(ends, s.target.parts[path].begin(what))
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// everything breaks all endpoints.
func everything(what broken) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return breakAll(s, what, paths()...), nil }
}

// login breaks the login service. All tokens end meanwhile, so that the daemon needs it.
func login(what broken) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) {
		s.target.api.RotateSigningKey()
		return breakAll(s, what, loginPath, refreshPath), nil
	}
}

// endTokens makes all tokens invalid, as a change of the server's secret does.
func endTokens(s *stage, _ fault) (func(), error) {
	s.target.api.RotateSigningKey()
	return nil, nil //nolint:nilnil // new tokens are valid
}

// refuseAccount makes the API refuse the account that logs in, with its tokens.
func refuseAccount(s *stage, _ fault) (func(), error) {
	s.target.api.Revoke(member)
	return func() { s.target.api.Restore(member) }, nil
}

func nameServer(what naming) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return s.names.begin(what), nil }
}

func slackFault(what slackstub.Fault) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return s.breakSlack(what), nil }
}

// breakSlack breaks Slack until end is called.
func (s *stage) breakSlack(what slackstub.Fault) (end func()) {
	from, mend := time.Now(), s.slackings.begin(what)
	return func() {
		mend()
		s.journal.note(&s.journal.slack, from, time.Now())
	}
}

func collectorFault(what answering) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return s.collector.begin(what), nil }
}

// busyNeighbour keeps one processor busy.
func busyNeighbour(s *stage, f fault) (func(), error) {
	s.journal.note(&s.journal.busy, time.Now(), time.Now().Add(f.Lasts))
	var stopped atomic.Bool
	go func() {
		for !stopped.Load() {
		}
	}()
	return func() { stopped.Store(true) }, nil
}

// silence mutes the messages about the endpoint of a fault. The daemon may be down, or stand still and take the silence later.
func (s *stage) silence(f fault, lasts time.Duration) {
	quiet, began := silenced{probe: nameOf(pickPath(f))}, time.Now()
	err := s.daemon.command("silence", "add", "--probe", quiet.probe, "--for", lasts.String(), "--comment", "soak")
	quiet.span = span{time.Now(), began.Add(lasts)}
	if err != nil {
		quiet.unsure, quiet.span = true, span{began, began.Add(lasts + 2*longest)}
	}
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.silences = append(s.journal.silences, quiet)
}

// fail breaks the endpoint of a fault for a while.
func (s *stage) fail(f fault, lasts time.Duration) {
	end := s.target.parts[pickPath(f)].begin(failing(500))
	s.wait(lasts)
	end()
}

// silenceBefore silences an endpoint that then fails, fires and resolves, all while the silence lasts.
func silenceBefore(s *stage, f fault) (func(), error) {
	s.silence(f, 30*time.Second)
	s.fail(f, 7*time.Second)
	return nil, nil //nolint:nilnil // the silence ends by itself
}

// silenceAfter silences an endpoint that fires, and resolves while the silence lasts.
func silenceAfter(s *stage, f fault) (func(), error) {
	end := s.target.parts[pickPath(f)].begin(failing(500))
	s.wait(8 * time.Second)
	s.silence(f, 20*time.Second)
	end()
	return nil, nil //nolint:nilnil // the silence ends by itself
}

// silenceShort silences an endpoint that fires and still fails when the silence ends.
func silenceShort(s *stage, f fault) (func(), error) {
	s.silence(f, 10*time.Second)
	s.fail(f, 16*time.Second)
	return nil, nil //nolint:nilnil // the silence ends by itself
}
