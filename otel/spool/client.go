package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"golang.org/x/time/rate"
)

// memoryLimit is how many bytes of batches that the disk refuses are kept in memory: some seconds of spans at the highest rate.
const memoryLimit = 4 << 20

// closeTimeout is how long the client around which we are may take to close. Stop keeps as much of its own time for the end:
// the SDK turns its back on whoever is not done in time, and the process would end before the lock is free.
const closeTimeout = time.Second

var (
	errFull    = errors.New("the spool is full")
	errMemory  = errors.New("the disk refuses spans, and what may wait in memory is full")
	errStopped = errors.New("the spool has been stopped")
)

// Options are what [New] needs to know.
type Options struct {
	Dir    string       // where batches wait; made with mode 0700 if it is not there, and for this process alone
	Limit  int64        // bytes of batches in Dir; beyond it the oldest are dropped. A few damaged files do not count
	Logger *slog.Logger // told when the collector goes away and comes back, and of every loss; nil for nobody
}

// Client is a client of OTLP that keeps spans on disk until the client around which it is has delivered them.
//
// That one should not retry by itself: this one does, for as long as it takes.
type Client struct {
	inner     otlptrace.Client
	logger    *slog.Logger
	directory *directory
	limit     int64
	memory    int64

	arrival  chan struct{} // holds one when a batch has come
	hurry    chan struct{} // holds one when a wait for the next try is to end
	draining chan struct{} // closed by Stop: the sender ends when nothing waits
	ended    chan struct{} // closed when Stop is done
	sender   sync.WaitGroup

	// writing is held while a batch is written, so that files grow in the order of their names. It guards these:
	writing  sync.Mutex
	sequence uint64 // of the last batch
	refusing bool   // the disk
	stopped  bool
	misfits  rate.Sometimes // says what is wrong with single batches, which may be so with all of them

	// mu is never held over I/O. It guards these:
	mu      sync.Mutex
	queue   queue
	failure error // of the last upload
	crowded bool  // spans are dropped for want of room; said once until nothing waits
	moved   chan struct{}
	started bool
	abandon context.CancelFunc // ends the sender at once; nil once Stop was called
}

var _ otlptrace.Client = (*Client)(nil)

// New prepares a spool around client. It takes the directory for itself and resumes what an earlier process left there; it
// sends nothing before Start. While another process has the directory it returns an error.
func New(client otlptrace.Client, options Options) (*Client, error) {
	if client == nil || options.Dir == "" || options.Limit <= 0 {
		return nil, fmt.Errorf("a spool of spans needs a client, a directory (got %q) and a limit above 0 (got %d)", options.Dir, options.Limit)
	}
	files, err := openDirectory(options.Dir)
	if err != nil {
		return nil, err
	}
	c := &Client{
		inner: client, directory: files, limit: options.Limit, memory: memoryLimit,
		logger:  cmp.Or(options.Logger, slog.New(slog.DiscardHandler)),
		arrival: make(chan struct{}, 1), hurry: make(chan struct{}, 1), draining: make(chan struct{}), ended: make(chan struct{}),
		abandon: func() {},
		misfits: rate.Sometimes{Interval: occasion},
	}
	if err := c.resume(context.Background()); err != nil {
		return nil, errors.Join(err, files.close())
	}
	return c, nil
}

// resume takes over what is on disk.
func (c *Client) resume(ctx context.Context) error {
	found, err := c.directory.scan()
	if err != nil {
		return err
	}
	c.sequence = found.last
	for _, d := range found.damaged {
		c.setAside(ctx, d.entry, d.reason)
		c.lose(d.spans, d.reason)
	}
	for _, e := range found.batches {
		c.queue.store(e)
	}
	c.makeRoom(ctx, 0)
	if waiting := c.queue.waiting(); waiting > 0 {
		c.logger.InfoContext(ctx, "spans of an earlier process wait on disk and are sent now", "batches", waiting, "bytes", c.queue.onDisk)
	}
	return nil
}

// Start starts the client around which this one is, and the sender of what waits.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.abandon == nil {
		return errors.New("a spool of spans is started only once")
	}
	if err := c.inner.Start(ctx); err != nil { // connects to nothing, so that it may happen under the lock
		return fmt.Errorf("start the client of the spool: %w", err)
	}
	ctx, c.abandon = context.WithCancel(context.WithoutCancel(ctx))
	c.started = true
	s := newSender(c)
	c.sender.Go(func() { s.run(ctx) })
	return nil
}

// Stop sends what waits until shortly before the deadline of ctx, leaves the rest on disk, and closes the client around
// which this one is. That spans are left is said, and no error: they are sent after the next start.
func (c *Client) Stop(ctx context.Context) error {
	c.mu.Lock()
	started, abandon := c.started, c.abandon
	c.abandon = nil
	c.mu.Unlock()
	if abandon == nil {
		return nil
	}
	close(c.draining)
	raise(c.hurry)
	sending, cancel := sendingTime(ctx)
	defer cancel()
	release := context.AfterFunc(sending, abandon)
	c.sender.Wait()
	release()
	abandon()

	c.leave(ctx)
	var err error
	if started {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = c.inner.Stop(closing)
	}
	close(c.ended)
	return errors.Join(err, c.directory.close())
}

// sendingTime is what of the time to stop is for sending.
func sendingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(closeTimeout, time.Until(deadline)/4)))
}

// leave takes no more batches, counts what is lost with this process, and says what waits for the next.
func (c *Client) leave(ctx context.Context) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.stopped = true
	c.settle(ctx)
	c.mu.Lock()
	lost := c.queue.pushHeld(-1, errMemory)
	waiting, bytes, dropped := len(c.queue.stored), c.queue.onDisk, c.queue.dropped
	c.mu.Unlock()
	if lost > 0 {
		c.logger.ErrorContext(ctx, "the last spans are lost: neither the collector nor the disk took them", "batches", lost, "spans_dropped", dropped)
	}
	if waiting > 0 {
		c.logger.InfoContext(ctx, "spans are left on disk and are sent after the next start", "batches", waiting, "bytes", bytes)
	}
}

// Bytes returns how much waits on disk.
func (c *Client) Bytes() (n int64) {
	c.locked(func(q *queue) { n = q.onDisk })
	return n
}

// Dropped returns how many spans were lost since New, for whatever reason.
func (c *Client) Dropped() (n int64) {
	c.locked(func(q *queue) { n = q.dropped })
	return n
}

// LastFailure returns why the last upload did not arrive, or nil.
func (c *Client) LastFailure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

func (c *Client) lose(spans int64, reason error) {
	c.locked(func(q *queue) { q.drop(spans, reason) })
}

// locked changes the queue, and tells those who wait for a change.
func (c *Client) locked(change func(*queue)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.queue)
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
	if c.queue.waiting() == 0 {
		c.crowded = false
	}
}

// raise leaves one signal in a channel of capacity one.
func raise(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// occasion is how long what could be said of every batch is not said again.
const occasion = time.Minute
