package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal runs the program at a terminal. The test types and reads in the place of a person.
type terminal struct {
	t      *testing.T
	tty    *os.File
	exited chan struct{} // closed when the program has ended and err is set
	err    error
	ended  chan struct{} // closed when all output of the program is read

	mu      sync.Mutex
	all     strings.Builder // everything that the terminal showed
	read    int             // how much of it the test has seen
	changed chan struct{}
}

// startTerminal starts a command of the program in a directory, at a terminal of 24 rows.
func startTerminal(t *testing.T, directory string, columns uint16, environ []string, args ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, "squarewatch", args...)
	command.Dir, command.Env = directory, append(os.Environ(), environ...)
	tty, far, err := pty.Open()
	if err != nil {
		t.Skipf("there is no terminal: %v", err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	command.Stdin, command.Stdout, command.Stderr = far, far, far
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, tty: tty, ended: make(chan struct{}), exited: make(chan struct{}), changed: make(chan struct{}, 1)}
	go x.readAll()
	go func() {
		x.err = command.Wait()
		close(x.exited)
		_, _ = far.WriteString(endOfProgram)
	}()
	t.Cleanup(func() {
		cancel()
		<-x.ended
		_, _ = tty.Close(), far.Close()
	})
	return x
}

// endOfProgram is what the test itself writes when the program has ended. A reader does not always notice the end of the last writer.
const endOfProgram = "\x00end\x00"

// readAll reads until the program has ended.
func (x *terminal) readAll() {
	defer close(x.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := x.tty.Read(buffer)
		x.mu.Lock()
		x.all.Write(buffer[:n])
		over := strings.HasSuffix(x.all.String(), endOfProgram)
		x.mu.Unlock()
		select {
		case x.changed <- struct{}{}:
		default:
		}
		if err != nil || over {
			return
		}
	}
}

// expect waits until the terminal shows a text that the test has not seen yet.
func (x *terminal) expect(text string) {
	x.t.Helper()
	for {
		x.mu.Lock()
		i := strings.Index(x.all.String()[x.read:], text)
		if i >= 0 {
			x.read += i + len(text)
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		select {
		case <-x.changed:
		case <-x.ended:
			x.t.Fatalf("the program ended and did not show %q, but\n%s", text, x.shown())
		}
	}
}

// answer waits for a question and types a line.
func (x *terminal) answer(question, line string) {
	x.t.Helper()
	x.expect(question)
	if _, err := x.tty.WriteString(line + "\n"); err != nil {
		x.t.Fatal(err)
	}
}

// wait returns what the terminal showed, and how the program ended.
func (x *terminal) wait() (shown string, err error) {
	<-x.exited
	<-x.ended
	return x.shown(), x.err
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(strings.TrimSuffix(x.all.String(), endOfProgram), "\r\n", "\n")
}
