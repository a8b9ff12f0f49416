package spool

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// diskPatience is how long one operation on the disk may take. A disk that hangs would otherwise hold up recording and sending.
const diskPatience = time.Second

// errNoAnswer is the error of an operation that did not return in time. Nothing can interrupt a system call on a disk that hangs.
var errNoAnswer = errors.New("the disk of the spool does not answer")

// disk does the I/O of a directory, one operation at a time, each in a goroutine of its own. After diskPatience, and at once while an
// earlier operation hangs, it returns errNoAnswer.
type disk struct {
	path  string
	busy  chan struct{} // holds one value while an operation runs
	hangs atomic.Bool   // the running operation has taken too long: nothing waits for it

	directory *directory // nil until open succeeds; used by operations, and by close when none runs

	mu       sync.Mutex
	leftover []uint64 // sequences of files that could not be removed because the disk did not answer
}

func newDisk(path string) *disk { return &disk{path: path, busy: make(chan struct{}, 1)} }

// ask runs an operation. If it returns too late, late gets its result.
func ask[T any](d *disk, operation func() (T, error), late func(T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	timer := time.NewTimer(diskPatience)
	defer timer.Stop()
	if !d.acquire(timer.C) {
		return answer{}.value, errNoAnswer
	}
	answers, left := make(chan answer), make(chan struct{})
	go func() {
		value, err := operation()
		select {
		case answers <- answer{value, err}:
		case <-left:
			late(value, err)
		}
		d.hangs.Store(false)
		<-d.busy
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-timer.C:
		d.hangs.Store(true)
		close(left)
		return answer{}.value, errNoAnswer
	}
}

// acquire waits for the end of the operation that runs, unless it hangs.
func (d *disk) acquire(timeout <-chan time.Time) bool {
	select {
	case d.busy <- struct{}{}:
		return true
	default:
	}
	if d.hangs.Load() {
		return false
	}
	select {
	case d.busy <- struct{}{}:
		return true
	case <-timeout:
		return false
	}
}

// open opens the directory and returns what is in it. Call it until it succeeds, before any other operation.
func (d *disk) open() (contents, error) {
	return ask(d, func() (contents, error) {
		files := d.directory
		if files == nil { // otherwise an earlier call returned too late
			var err error
			if files, err = openDirectory(d.path); err != nil {
				return contents{}, err
			}
		}
		found, err := files.scan()
		if err != nil {
			d.directory = nil // the next call opens it again
			return contents{}, errors.Join(err, files.close())
		}
		d.directory = files
		return found, nil
	}, func(contents, error) {})
}

// write adds a batch. A file that is written too late is removed, because its batch waits in memory.
func (d *disk) write(sequence uint64, file []byte) error {
	_, err := ask(d, func() (struct{}, error) {
		d.removeLeftover()
		return struct{}{}, d.directory.write(sequence, file)
	}, func(struct{}, error) { _ = d.directory.remove(sequence, suffixBatch) })
	return err
}

// read returns the file of a batch; see [directory.read].
func (d *disk) read(e entry) ([]byte, error) {
	return ask(d, func() ([]byte, error) { return d.directory.read(e) }, func([]byte, error) {})
}

// remove deletes the file of a batch. If the disk does not answer, a later write does that, and remove returns nil.
func (d *disk) remove(sequence uint64) error {
	_, err := ask(d, func() (struct{}, error) { return struct{}{}, d.directory.remove(sequence, suffixBatch) }, func(struct{}, error) {})
	if errors.Is(err, errNoAnswer) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.leftover = append(d.leftover, sequence)
		return nil
	}
	return err
}

// removeLeftover deletes the files for which the disk did not answer.
func (d *disk) removeLeftover() {
	d.mu.Lock()
	list := d.leftover
	d.leftover = nil
	d.mu.Unlock()
	for _, sequence := range list {
		_ = d.directory.remove(sequence, suffixBatch) // otherwise its spans are sent again after the next start
	}
}

// setAside renames the file of a damaged batch; see [directory.setAside].
func (d *disk) setAside(sequence uint64) (string, error) {
	return ask(d, func() (string, error) { return d.directory.setAside(sequence) }, func(string, error) {})
}

// close closes the directory. While an operation hangs, only the end of the process closes it.
func (d *disk) close() error {
	_, err := ask(d, func() (struct{}, error) {
		if d.directory == nil {
			return struct{}{}, nil
		}
		return struct{}{}, d.directory.close()
	}, func(struct{}, error) {})
	return err
}
