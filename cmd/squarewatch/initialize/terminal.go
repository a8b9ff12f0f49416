package initialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
	return t.read(ctx, question, func() (string, error) {
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
	})
}

// Secret reads a line that is not shown.
func (t TTY) Secret(ctx context.Context, question string) (string, error) {
	return t.read(ctx, question, func() (string, error) {
		line, err := term.ReadPassword(int(t.In.Fd()))
		_, _ = fmt.Fprintln(t.Out)
		if err != nil {
			return "", errEnded
		}
		return string(line), nil
	})
}

// read asks, and returns when ctx ends. The terminal then shows again what is typed.
func (t TTY) read(ctx context.Context, question string, read func() (string, error)) (string, error) {
	type outcome struct {
		line string
		err  error
	}
	fd := int(t.In.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	_, _ = fmt.Fprint(t.Out, question)
	done := make(chan outcome, 1)
	go func() {
		line, err := read()
		done <- outcome{line, err}
	}()
	select {
	case o := <-done:
		return o.line, o.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = fmt.Fprintln(t.Out)
		return "", context.Cause(ctx)
	}
}
