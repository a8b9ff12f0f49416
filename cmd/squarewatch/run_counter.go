package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"squarewatch/probe"
)

// runCounter shows on the terminal of stderr how many probes have answered. It shows nothing for one probe, or without a terminal.
type runCounter struct {
	total int

	mu        sync.Mutex
	out       io.Writer // nil to show nothing
	done, bad int
}

func newRunCounter(p process, total int) *runCounter {
	c := &runCounter{total: total}
	if file, ok := p.stderr.(*os.File); ok && total > 1 && term.IsTerminal(int(file.Fd())) {
		c.out = p.stderr
	}
	return c
}

// eraseLine returns to the first column and erases the line (ECMA-48: CR, EL).
const eraseLine = "\r\x1b[K"

// finished counts a result.
func (c *runCounter) finished(r *probe.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return
	}
	c.done++
	if !r.Expected {
		c.bad++
	}
	_, _ = fmt.Fprintf(c.out, eraseLine+"%d of %d probes, %d unexpected", c.done, c.total, c.bad)
}

// clear removes the line.
func (c *runCounter) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && c.done > 0 {
		_, _ = io.WriteString(c.out, eraseLine)
	}
}
