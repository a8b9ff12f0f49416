// Package wake wakes a goroutine that waits for work.
package wake

// Signal is a channel of capacity one. Several calls of Send before the receiver reads count as one.
type Signal chan struct{}

// New returns a signal that has not been sent.
func New() Signal { return make(Signal, 1) }

// Send wakes the receiver, now or when it waits the next time. It never blocks.
func (s Signal) Send() {
	select {
	case s <- struct{}{}:
	default: // already sent and not received yet
	}
}

// Clear takes back a signal that the receiver has not received.
func (s Signal) Clear() {
	select {
	case <-s:
	default:
	}
}
