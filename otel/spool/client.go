package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/otel/wake"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"golang.org/x/time/rate"
)

// defaultMemory is how many bytes of batches may wait in memory while the disk refuses them: some seconds of spans at the highest rate.
const defaultMemory = 4 << 20

// closeTimeout is how long the wrapped client may take to close. Stop reserves as much of its own time for that. The SDK stops waiting
// after its timeout, and the process would end before the directory's lock is released.
const closeTimeout = time.Second

// logInterval is how often a message about single batches is logged at most.
const logInterval = time.Minute

var (
	errFull    = errors.New("the spool is full")
	errMemory  = errors.New("the disk refuses spans, and the memory for them is full")
	errStopped = errors.New("the spool has been stopped")
)

// Options configures a spool. Dir and Limit are required.
type Options struct {
	// Dir is the directory of the batches. New creates it with mode 0700 and locks it for this process.
	Dir string

	// Limit is how many bytes of batches Dir may hold. Beyond it the oldest are dropped. Up to ten damaged files do not count.
	Limit int64

	// Logger gets one line when the collector goes down or comes back, and one for every kind of loss. Nil discards them.
	Logger *slog.Logger
}

// Client is an OTLP client that keeps spans on disk until the client that it wraps has delivered them. The wrapped client should not
// retry by itself: this one retries until it succeeds.
type Client struct {
	inner       otlptrace.Client
	logger      *slog.Logger
	disk        *disk
	diskLimit   int64
	memoryLimit int64

	batchAdded wake.Signal
	retryNow   wake.Signal   // ends the wait for the next try
	draining   chan struct{} // closed by Stop: the sender returns when no batch waits
	ended      chan struct{} // closed when Stop is done
	sender     sync.WaitGroup

	// writeMu is held while a batch is written, so that files are created in the order of their names. It guards:
	writeMu     sync.Mutex
	sequence    uint64 // of the newest batch
	diskRefuses bool
	opened      bool      // the directory was opened, and what was in it is queued
	openAgain   time.Time // no attempt to open it is made before
	stopped     bool
	unstorable  rate.Sometimes // limits the log lines about batches that cannot be stored

	// mu is never held during I/O. It guards:
	mu           sync.Mutex
	queue        queue
	failure      error         // of the last upload
	failing      time.Time     // since when uploads fail; zero while they succeed
	dropping     bool          // spans were dropped for lack of room since the queue was last empty
	queueChanged chan struct{} // closed at the next change of the queue; nil if no Flush waits
	started      bool
	abandon      context.CancelFunc // ends the sender at once; nil after Stop
}

// New returns a spool around a client. It locks the directory and queues what an earlier process left there. It sends nothing before
// Start. It returns an error if another process uses the directory. When the disk fails, or does not answer within a second, batches wait
// in memory, and the directory is opened later.
func New(client otlptrace.Client, options Options) (*Client, error) {
	if client == nil || options.Dir == "" || options.Limit <= 0 {
		return nil, fmt.Errorf("a spool of spans needs a client, a directory (got %q) and a limit above 0 (got %d)",
			options.Dir, options.Limit)
	}
	c := &Client{
		inner: client, disk: newDisk(options.Dir), diskLimit: options.Limit, memoryLimit: defaultMemory,
		logger:     cmp.Or(options.Logger, slog.New(slog.DiscardHandler)),
		batchAdded: wake.New(), retryNow: wake.New(), draining: make(chan struct{}), ended: make(chan struct{}),
		abandon:    func() {},
		unstorable: rate.Sometimes{Interval: logInterval},
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if err := c.openLocked(context.Background()); errors.Is(err, errInUse) {
		return nil, err
	}
	if !c.opened { // batches of an earlier process may be on the disk: these come after them
		c.sequence = uint64(time.Now().UnixMicro())
	}
	return c, nil
}

// openRetry is the time between two attempts to open the directory.
const openRetry = 5 * time.Second

// openLocked opens the directory, unless that is done or was tried lately, and queues the batches in it. The caller holds writeMu.
func (c *Client) openLocked(ctx context.Context) error {
	if c.opened || time.Now().Before(c.openAgain) {
		return nil
	}
	found, err := c.disk.open()
	c.withQueue(func(q *queue) {
		if err == nil && len(q.inMemory) > 0 && q.inMemory[0].sequence <= found.last {
			err = errors.New("the clock was set back, so that spans on disk and in memory have the same numbers; those in memory are sent first")
		}
	})
	c.recordDiskLocked(ctx, err)
	if err != nil {
		c.openAgain = time.Now().Add(openRetry)
		return err
	}
	c.opened = true
	c.sequence = max(c.sequence, found.last)
	for _, d := range found.damaged {
		c.setAside(ctx, d.entry, d.reason)
		c.drop(d.spans, d.reason)
	}
	batches, bytes := 0, int64(0)
	c.withQueue(func(q *queue) {
		for _, e := range found.batches {
			q.addOnDisk(e)
		}
		batches, bytes = len(q.onDisk), q.diskBytes
	})
	if batches > 0 {
		c.logger.InfoContext(ctx, "spans of an earlier process are on disk and are sent now", "batches", batches, "bytes", bytes)
	}
	c.makeRoom(ctx, 0)
	return nil
}

// Start starts the wrapped client and the sender. It returns an error if it was called before, or after Stop.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.abandon == nil {
		return errors.New("a spool of spans can be started only once")
	}
	if err := c.inner.Start(ctx); err != nil { // connects to nothing, so the lock may be held
		return fmt.Errorf("start the client of the spool: %w", err)
	}
	ctx, c.abandon = context.WithCancel(context.WithoutCancel(ctx))
	c.started = true
	s := newSenderLocked(c)
	c.sender.Go(func() { s.run(ctx) })
	return nil
}

// Stop sends what waits until shortly before the deadline of ctx, then closes the wrapped client. Unsent spans stay on disk and are sent
// after the next start. They are logged and are not an error.
func (c *Client) Stop(ctx context.Context) error {
	c.mu.Lock()
	started, abandon := c.started, c.abandon
	c.abandon = nil
	c.mu.Unlock()
	if abandon == nil {
		return nil
	}
	close(c.draining)
	c.retryNow.Send()
	sending, cancel := sendingTime(ctx)
	defer cancel()
	release := context.AfterFunc(sending, abandon)
	c.sender.Wait()
	release()
	abandon()

	c.closeQueue(ctx)
	var err error
	if started {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = c.inner.Stop(closing)
	}
	close(c.ended)
	return errors.Join(err, c.disk.close())
}

// sendingTime returns a context for the part of Stop's time that may be used for sending.
func sendingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(closeTimeout, time.Until(deadline)/4)))
}

// closeQueue refuses further batches, counts the spans that are lost with this process, and logs what waits for the next one.
func (c *Client) closeQueue(ctx context.Context) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.stopped = true
	c.writeMemoryLocked(ctx)
	c.mu.Lock()
	lost := c.queue.evictMemory(-1, errMemory)
	batches, bytes, dropped := len(c.queue.onDisk), c.queue.diskBytes, c.queue.dropped
	c.mu.Unlock()
	if lost > 0 {
		c.logger.ErrorContext(ctx, "the last spans are lost: neither the collector nor the disk accepted them",
			"batches", lost, "spans_dropped", dropped)
	}
	if batches > 0 {
		c.logger.InfoContext(ctx, "spans are left on disk and are sent after the next start", "batches", batches, "bytes", bytes)
	}
}

// Bytes returns how many bytes of batches are on disk.
func (c *Client) Bytes() (n int64) {
	c.withQueue(func(q *queue) { n = q.diskBytes })
	return n
}

// Dropped returns how many spans were lost since New.
func (c *Client) Dropped() (n int64) {
	c.withQueue(func(q *queue) { n = q.dropped })
	return n
}

// State is what a spool does.
type State struct {
	Batches int       // that wait
	Failing time.Time // since when the collector does not accept them; zero while it does
	Failure error     // of the last upload; nil when it succeeded
	Dropped int64     // spans that were lost since New
}

// State returns what the spool does now.
func (c *Client) State() (s State) {
	c.withQueue(func(q *queue) {
		s = State{Batches: q.length(), Failing: c.failing, Failure: c.failure, Dropped: q.dropped}
	})
	return s
}

func (c *Client) drop(spans int64, reason error) {
	c.withQueue(func(q *queue) { q.drop(spans, reason) })
}

// withQueue calls use with the queue locked, then wakes every Flush that waits for a change.
func (c *Client) withQueue(use func(*queue)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	use(&c.queue)
	if c.queueChanged != nil {
		close(c.queueChanged)
		c.queueChanged = nil
	}
	if c.queue.length() == 0 {
		c.dropping = false
	}
}
