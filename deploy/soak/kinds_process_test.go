//go:build soak

package soak_test

import (
	"net/http"
	"syscall"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// signals sends signals to the daemon.
func signals(list ...syscall.Signal) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return nil, s.daemon.signal(list...) }
}

func nothing() error { return nil }

// restart ends the daemon by a signal, and starts it again.
func restart(signal syscall.Signal) func(*stage, fault) (func(), error) {
	return func(s *stage, _ fault) (func(), error) { return nil, s.daemon.restart(signal, nothing) }
}

// standStill stops the process for a while, as a suspended machine does.
func standStill(s *stage, f fault) (func(), error) {
	s.journal.note(&s.journal.stood, time.Now(), time.Now().Add(f.Lasts))
	return func() { _ = s.daemon.signal(syscall.SIGCONT) }, s.daemon.signal(syscall.SIGSTOP)
}

// killWithMessages kills the daemon while messages wait for a Slack that fails: what began, or what ended.
func killWithMessages(s *stage, f fault) (func(), error) {
	path := pickPath(f)
	mend := s.target.parts[path].begin(failing(http.StatusInternalServerError))
	if f.Pick/16%2 == 0 { // its FIRING is delivered
		s.wait(8 * time.Second)
	}
	mendSlack := s.breakSlack(slackstub.Fault{Status: http.StatusInternalServerError})
	s.wait(8 * time.Second)
	mend()
	return func() {
		_ = s.daemon.restart(syscall.SIGKILL, nothing)
		mendSlack()
	}, nil
}

// anotherProbe reloads a file with one probe more, and later without it.
func anotherProbe(s *stage, _ fault) (func(), error) {
	return func() { _ = s.daemon.addProbes(-1) }, s.daemon.addProbes(1)
}

// refusedFile reloads a file that must be refused.
func refusedFile(s *stage, _ fault) (func(), error) {
	return func() { _ = s.daemon.writeFile() }, s.daemon.reload("target: nothing\nprobes: 7\n")
}

// afterDisk is how long the daemon may take to write what waited when the disk works again.
const afterDisk = 12 * time.Second

// fullDisk leaves no room in the state directory.
func fullDisk(s *stage, _ fault) (func(), error) {
	if s.disk.without != "" {
		return nil, nil //nolint:nilnil // the soak has said why
	}
	from := time.Now()
	return func() {
		_ = s.disk.change(-1, 0)
		s.journal.note(&s.journal.unsure, from, time.Now().Add(afterDisk))
	}, s.disk.change(1, 0)
}

// readOnlyDisk stops the daemon and starts it on a disk that cannot be written, so that it begins without what it had kept.
func readOnlyDisk(s *stage, _ fault) (func(), error) {
	if s.disk.without != "" {
		return nil, nil //nolint:nilnil // the soak has said why
	}
	from := time.Now()
	return func() {
		_ = s.disk.change(0, -1)
		s.journal.note(&s.journal.unsure, from, time.Now().Add(afterDisk))
	}, s.daemon.restart(syscall.SIGTERM, func() error { return s.disk.change(0, 1) })
}
