package outbox

import (
	"context"
	"errors"
	"time"

	"squarewatch/alert"
	"squarewatch/probe/database"
)

const (
	// diskPatience is how long delivery waits for the disk at most. After a failed write, delivery does not wait until a write succeeds.
	diskPatience = time.Second
	// writeTimeout limits one write that waits for the database. It cannot interrupt a disk that hangs.
	writeTimeout = 10 * time.Second
	// writeRetry is the time between two attempts to write after a failure, when nothing else is written.
	writeRetry = 10 * time.Second
)

// ErrNoStore is the error of an outbox whose store could not be opened yet.
var ErrNoStore = errors.New("the database is not open yet; squarewatch tries again")

// diskLock is a lock that can be held while a timer runs. It is a channel and not a mutex, because time in a bubble of testing/synctest
// stops while a goroutine waits for a mutex.
type diskLock chan struct{}

// Lock waits for the lock.
func (l diskLock) Lock() { l <- struct{}{} }

// Unlock releases it.
func (l diskLock) Unlock() { <-l }

// writer writes batches to the store, one at a time.
type writer struct {
	store     *Store
	wanted    bool   // a store is set, or Recover sets it
	unwritten *batch // changes that could not be written yet
	writing   *batch // changes in the running write
	call      *database.Call
}

// write starts a write of the unwritten changes, and waits at most for patience. It returns nil when everything is written. When the write
// fails, its changes count as unwritten again.
func (w *writer) write(patience time.Duration) error {
	if w.store == nil {
		return ErrNoStore
	}
	if w.call != nil {
		if err := w.wait(patience); errors.Is(err, database.ErrNoAnswer) {
			return err
		}
	}
	if w.unwritten.isEmpty() {
		return nil
	}
	w.writing, w.unwritten = w.unwritten, newBatch()
	store, b := w.store, w.writing
	w.call = database.Go(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		return store.write(ctx, b)
	})
	return w.wait(patience)
}

// wait waits for the running write, at most for patience.
func (w *writer) wait(patience time.Duration) error {
	err := w.call.Wait(patience)
	if errors.Is(err, database.ErrNoAnswer) {
		return err
	}
	if err != nil {
		w.writing.merge(w.unwritten)
		w.unwritten = w.writing
	}
	w.call, w.writing = nil, nil
	return err
}

// writeLocked writes a batch, together with earlier batches that could not be written. The caller holds disk.
func (o *Outbox) writeLocked(b *batch) {
	if !o.writer.wanted {
		return
	}
	o.writer.unwritten.merge(b)
	patience := diskPatience
	if o.Fault() != nil {
		patience = 0 // messages are sent at once, and the changes are written in the background
	}
	o.recordWrite(o.writer.write(patience))
}

// collectWrite takes the result of a write that has ended. After a success it starts to write the next batch. After a failure, the next
// attempt is made after writeRetry, or at the next change.
func (o *Outbox) collectWrite() {
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.writer.call == nil {
		return
	}
	err := o.writer.wait(0)
	if err == nil {
		err = o.writer.write(0)
	}
	o.recordWrite(err)
}

// recordWrite records the result of a write, and logs when writing fails for the first time or works again.
func (o *Outbox) recordWrite(err error) {
	o.mu.Lock()
	before := o.writeError
	if before != nil && errors.Is(err, database.ErrNoAnswer) {
		err = before // the write is still running, so the last error says more
	}
	o.writeError = err
	o.mu.Unlock()
	switch {
	case errors.Is(err, ErrNoStore): // the caller that opens the store logs it
	case err != nil && before == nil:
		o.options.Logger.Error("cannot write alerts to the database; messages are still sent, but a restart would lose those that still wait",
			"error", err, "fix", database.Fix(err))
	case err == nil && before != nil:
		o.options.Logger.Info("alerts are written to the database again")
	}
}

// writeDone returns a channel that is closed when the running write returns; nil when none runs.
func (o *Outbox) writeDone() <-chan struct{} {
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.writer.call == nil {
		return nil
	}
	return o.writer.call.Done()
}

// PutSilence writes a silence. An error says why it is not written yet; it is written as soon as the disk accepts it.
func (o *Outbox) PutSilence(_ context.Context, silence alert.Silence) error {
	o.commit(func(b *batch) { b.silences[silence.ID] = &silence }) //nolint:contextcheck // it is written even when the client has disconnected
	return o.Fault()
}

// DeleteSilence removes a silence. An error says why the removal is not stored; it is stored as soon as the disk accepts it.
func (o *Outbox) DeleteSilence(_ context.Context, id string) error {
	o.commit(func(b *batch) { b.silences[id] = nil }) //nolint:contextcheck // it is written even when the client has disconnected
	return o.Fault()
}
