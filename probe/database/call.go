package database

import (
	"errors"
	"time"
)

// ErrNoAnswer says that a call has not returned from the disk in time. Nothing can interrupt a system call on a disk that hangs:
// "Uninterruptible sleep" in https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (state D).
var ErrNoAnswer = errors.New("the disk of state_dir does not answer")

// Call is a call that may wait for the disk without end. Only the goroutine of the call waits that long.
type Call struct {
	done chan struct{}
	err  error
}

// Go calls a function in a new goroutine, which ends when the function returns. On a disk that hangs, this may never happen. Wait says
// whether it did.
func Go(call func() error) *Call {
	c := &Call{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = call()
	}()
	return c
}

// Done is closed when the function has returned.
func (c *Call) Done() <-chan struct{} { return c.done }

// Wait waits for the function at most as long as limit, and returns its error. It returns ErrNoAnswer if the function has not
// returned by then; the call continues.
func (c *Call) Wait(limit time.Duration) error {
	select { // a function that has returned counts, even with a limit of 0
	case <-c.done:
		return c.err
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-timer.C:
		return ErrNoAnswer
	}
}
