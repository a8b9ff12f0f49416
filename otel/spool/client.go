package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
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

// UploadTraces writes a batch to disk and returns: it waits for no network, and a collector that is away is no error. What
// can be kept neither on disk nor in memory is dropped and counted. Only after Stop there is an error.
func (c *Client) UploadTraces(ctx context.Context, batch []*tracepb.ResourceSpans) error {
	spans := count(batch)
	if spans == 0 {
		return nil
	}
	file, err := encode(batch, spans)
	c.writing.Lock()
	defer c.writing.Unlock()
	switch {
	case c.stopped:
		c.lose(int64(spans), errStopped)
		return errStopped
	case err != nil:
		c.misfit(ctx, int64(spans), err)
		return nil
	}
	c.sequence++
	c.accept(ctx, held{entry{sequence: c.sequence, spans: int64(spans), size: int64(len(file))}, file})
	raise(c.arrival)
	return nil
}

// accept puts a batch on disk, or into memory when the disk refuses it. What is held goes to disk before it, so that all
// that is on disk is older than all that is held.
func (c *Client) accept(ctx context.Context, batch held) {
	if batch.size > c.limit {
		c.misfit(ctx, batch.spans, fmt.Errorf("a batch of %d bytes is larger than the whole spool, %d", batch.size, c.limit))
		return
	}
	if c.settle(ctx) && c.save(ctx, batch) {
		c.locked(func(q *queue) { q.store(batch.entry) })
		return
	}
	pushed := 0
	c.locked(func(q *queue) {
		q.hold(batch)
		pushed = q.pushHeld(c.memory, errMemory)
	})
	if pushed > 0 && c.newlyCrowded() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the disk refuses them, and no more may wait in memory", "limit", c.memory,
			"fix", "free space in the directory of the spool, and see that it can be written to")
	}
}

// settle writes what is held to disk, oldest first, and reports whether nothing is held any more.
func (c *Client) settle(ctx context.Context) bool {
	for {
		var first held
		c.locked(func(q *queue) {
			if len(q.held) > 0 {
				first = q.held[0]
			}
		})
		if first.sequence == 0 {
			return true
		}
		if !c.save(ctx, first) {
			return false
		}
		moved := false
		c.locked(func(q *queue) { moved = q.moved(first.entry) })
		if !moved { // it was sent while it was written
			c.remove(ctx, first.sequence)
		}
	}
}

// save writes one batch, after it has made room for it.
func (c *Client) save(ctx context.Context, batch held) bool {
	c.makeRoom(ctx, batch.size)
	err := c.directory.write(batch.sequence, batch.file)
	if before := c.refusing; before != (err != nil) {
		c.refusing = err != nil
		c.sayDisk(ctx, err)
	}
	return err == nil
}

// makeRoom drops the oldest batches until one of size bytes fits.
func (c *Client) makeRoom(ctx context.Context, size int64) {
	var pushed []entry
	c.locked(func(q *queue) { pushed = q.pushStored(size, c.limit, errFull) })
	for _, e := range pushed {
		c.remove(ctx, e.sequence)
	}
	if len(pushed) > 0 && c.newlyCrowded() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the spool is full", "limit", c.limit,
			"fix", "start the collector, or give the spool more room")
	}
}

// remove deletes the file of a batch that is not waiting any more. If that fails, the batch is sent again after the next start.
func (c *Client) remove(ctx context.Context, sequence uint64) {
	if err := c.directory.remove(sequence, suffixBatch); err != nil {
		c.logger.WarnContext(ctx, "spans that were sent or dropped stay on disk, and are sent again after the next start", "error", short(err))
	}
}

func (c *Client) setAside(ctx context.Context, e entry, reason error) {
	file, err := c.directory.setAside(e.sequence)
	c.logger.ErrorContext(ctx, "a damaged file of spans is set aside and not sent; all others are", "file", file, "spans", e.spans,
		"error", short(errors.Join(reason, err)), "fix", "nothing reads the file again: remove it; if there are more, look after the disk")
}

func (c *Client) sayDisk(ctx context.Context, err error) {
	if err == nil {
		c.logger.InfoContext(ctx, "the disk takes spans again")
		return
	}
	c.logger.ErrorContext(ctx, "the disk refuses spans; they wait in memory, where a restart loses them", "error", short(err),
		"fix", "free space in the directory of the spool, and see that it can be written to")
}

// newlyCrowded reports whether it is to be said that spans are dropped for want of room: once until nothing waits any more.
func (c *Client) newlyCrowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.crowded
	c.crowded = true
	return !before
}

// misfit drops a batch that can never be kept.
func (c *Client) misfit(ctx context.Context, spans int64, reason error) {
	c.lose(spans, reason)
	c.misfits.Do(func() {
		c.logger.ErrorContext(ctx, "a batch of spans cannot be kept and is dropped", "spans", spans, "error", short(reason),
			"fix", "give the spool more room if that is why; otherwise report it as a fault of the program")
	})
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

// Flush waits until all that waited when it was called has been sent, and tries at once. When ctx ends first it returns
// why the last try failed; when spans were dropped meanwhile, why.
func (c *Client) Flush(ctx context.Context) error {
	c.mu.Lock()
	target, dropped := c.queue.youngest(), c.queue.dropped
	c.mu.Unlock()
	raise(c.hurry)
	for {
		moved, done, err := c.flushed(target, dropped)
		if done {
			return err
		}
		select {
		case <-moved:
		case <-c.ended:
			return c.unsent(errStopped)
		case <-ctx.Done():
			return c.unsent(context.Cause(ctx))
		}
	}
}

// flushed reports whether nothing waits that is not younger than target, or else returns what ends with the next change.
func (c *Client) flushed(target uint64, dropped int64) (moved <-chan struct{}, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if oldest, waits := c.queue.oldest(); waits && oldest <= target {
		if c.moved == nil {
			c.moved = make(chan struct{})
		}
		return c.moved, false, nil
	}
	if lost := c.queue.dropped - dropped; lost > 0 {
		return nil, true, fmt.Errorf("%d spans were dropped: %w", lost, c.queue.loss)
	}
	return nil, true, nil
}

func (c *Client) unsent(ended error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		ended = c.failure
	}
	return fmt.Errorf("%d batches of spans still wait: %w", c.queue.waiting(), ended)
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

// maxFault is how much of an error is logged, in bytes: a collector may answer with a whole page.
const maxFault = 300

func short(err error) string {
	text := err.Error()
	if len(text) > maxFault {
		text = strings.ToValidUTF8(text[:maxFault], "") + "…"
	}
	return text
}

// occasion is how long what could be said of every batch is not said again.
const occasion = time.Minute
