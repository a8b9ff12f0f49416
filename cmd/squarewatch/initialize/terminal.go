package initialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// IsTerminal reports whether a person can be asked.
func IsTerminal(in *os.File) bool {
	return term.IsTerminal(int(in.Fd()))
}

// TTY asks at a terminal.
type TTY struct {
	In  *os.File
	Out io.Writer
}

var _ Terminal = TTY{}

var errEnded = errors.New("the input ended before all questions were answered; nothing is written")

// maxLine is the length in bytes of the longest answer.
const maxLine = 64 << 10

// Line reads up to the end of a line, and no byte more.
func (t TTY) Line(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, question, false)
}

// Secret reads a line that is not shown. The terminal stops showing what is typed before it shows the question.
func (t TTY) Secret(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, question, true)
}

// ask asks, and returns when ctx ends. The terminal is then as it was before.
func (t TTY) ask(ctx context.Context, question string, hidden bool) (string, error) {
	type outcome struct {
		line string
		err  error
	}
	fd := int(t.In.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	if hidden {
		defer func() {
			_ = term.Restore(fd, before)
			_, _ = fmt.Fprintln(t.Out)
		}()
		if err := hide(fd); err != nil {
			return "", fmt.Errorf("stop the terminal from showing a secret: %w", err)
		}
	}
	_, _ = fmt.Fprint(t.Out, question)
	done := make(chan outcome, 1)
	go func() {
		line, err := t.readLine()
		done <- outcome{line, err}
	}()
	select {
	case o := <-done:
		return o.line, o.err
	case <-ctx.Done():
		if !hidden {
			_, _ = fmt.Fprintln(t.Out)
		}
		return "", context.Cause(ctx)
	}
}

// hide makes a terminal stop showing what is typed; see termios(3), ECHO.
func hide(fd int) error {
	settings, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	settings.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, settings)
}

func (t TTY) readLine() (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < maxLine; {
		n, err := t.In.Read(one)
		if err != nil {
			return "", errEnded
		}
		if n == 1 && one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[:n]...)
	}
	return "", errors.New("the answer is too long")
}
