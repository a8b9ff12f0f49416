package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is the program at a terminal, with a test in the place of the person.
type terminal struct {
	t       *testing.T
	tty     *os.File
	command *exec.Cmd
	ended   chan struct{} // closed when the program has closed its terminal

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
	tty, err := pty.StartWithSize(command, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		t.Skipf("there is no terminal: %v", err)
	}
	x := &terminal{t: t, tty: tty, command: command, ended: make(chan struct{}), changed: make(chan struct{}, 1)}
	go x.readAll()
	t.Cleanup(func() {
		cancel()
		<-x.ended
		_ = tty.Close()
	})
	return x
}

// readAll reads until the program ends, which is an error of the terminal on Linux.
func (x *terminal) readAll() {
	defer close(x.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := x.tty.Read(buffer)
		x.mu.Lock()
		x.all.Write(buffer[:n])
		x.mu.Unlock()
		select {
		case x.changed <- struct{}{}:
		default:
		}
		if err != nil {
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
	err = x.command.Wait()
	<-x.ended
	return x.shown(), err
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.all.String(), "\r\n", "\n")
}
