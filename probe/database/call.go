package database

import (
	"errors"
	"time"
)

// ErrNoAnswer is the fault of a disk on which a call has not returned in time. Nothing can interrupt a system call on a disk that
// hangs; "Uninterruptible sleep" in https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (state D).
var ErrNoAnswer = errors.New("the disk of state_dir does not answer")

// Call is a call that may wait for the disk without end. Only its own goroutine waits that long.
type Call struct {
	done chan struct{}
	err  error
}

// Go calls a function in a goroutine of its own. The goroutine ends when the function returns, which may be never on a disk that
// hangs; use Wait to learn whether it did.
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
// returned by then; the call goes on.
func (c *Call) Wait(limit time.Duration) error {
	select { // an answer that is there counts, even with a limit of 0
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
