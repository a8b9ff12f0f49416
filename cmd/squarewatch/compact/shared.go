package compact

import (
	"context"
	"io"
	"time"
)

// Shared makes one body at a time, so that many requests at once do not need memory for many uncompressed bodies. Its methods may be
// called by many goroutines.
type Shared struct {
	place chan struct{} // full while a call makes a body
	begun time.Time     // when the making of last began
	last  Body
}

// NewShared returns a Shared without a body.
func NewShared() *Shared { return &Shared{place: make(chan struct{}, 1)} }

// Get returns a body that was begun after the call. Calls that wait at the same time get the same body. It returns the error of write, or
// the cause of ctx when ctx ends first.
func (s *Shared) Get(ctx context.Context, write func(io.Writer) error) (Body, error) {
	called := time.Now()
	select {
	case s.place <- struct{}{}:
		defer func() { <-s.place }()
	case <-ctx.Done():
		return Body{}, context.Cause(ctx)
	}
	if s.begun.After(called) {
		return s.last, nil
	}
	begun := time.Now()
	body, err := Pack(write)
	if err == nil {
		s.last, s.begun = body, begun
	}
	return body, err
}
