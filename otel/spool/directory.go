package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// What the names of our files end in, after 20 digits. Everything else in the directory is left alone.
const (
	digits          = 20
	suffixBatch     = ".spans"
	suffixTemporary = ".temporary" // being written, or left by a process that was killed while it wrote
	suffixDamaged   = ".damaged"
	lockName        = "lock"
)

// maxDamaged is how many damaged files are kept for people to look at.
const maxDamaged = 10

// directory is where batches are kept, for one process at a time.
type directory struct {
	root    *os.Root
	lock    *os.File
	damaged []string // names, oldest first
}

// openDirectory makes the directory if it is not there, and takes its lock. The lock ends with the process, however that ends.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool of spans: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the spool of spans: %w", err)
	}
	lock, err := takeLock(root)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("the spool of spans %s is in use by another process: stop that one, or give each a directory of its own", path)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &directory{root: root, lock: lock}, nil
}

// takeLock never removes the file afterwards: whoever waits for a removed file's lock would share the directory with the
// maker of the next.
func takeLock(root *os.Root) (*os.File, error) {
	lock, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the spool of spans: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the spool of spans: %w", err), lock.Close())
	}
	return lock, nil
}

// close gives the directory to the next process.
func (d *directory) close() error { return errors.Join(d.root.Close(), d.lock.Close()) }

// entry is a batch as the queue knows it.
type entry struct {
	sequence uint64
	spans    int64
	size     int64 // of its file
}

// damage is a file that cannot be used.
type damage struct {
	entry
	reason error
}

// contents are what a process finds in the directory of the one before.
type contents struct {
	batches []entry // oldest first
	damaged []damage
	last    uint64 // highest sequence of any name, which is not used again
}

// scan reads what is there: names and headers. It removes what was being written when the last process was killed.
func (d *directory) scan() (contents, error) {
	files, err := fs.ReadDir(d.root.FS(), ".") // sorted by name, which is by sequence
	if err != nil {
		return contents{}, fmt.Errorf("read the spool of spans: %w", err)
	}
	var found contents
	for _, file := range files {
		sequence, suffix := parseName(file.Name())
		found.last = max(found.last, sequence)
		if sequence == 0 || !file.Type().IsRegular() {
			continue
		}
		switch suffix {
		case suffixTemporary:
			err = errors.Join(err, d.remove(sequence, suffix))
		case suffixDamaged:
			d.damaged = append(d.damaged, file.Name())
		case suffixBatch:
			if e, reason := d.inspect(sequence); reason != nil {
				found.damaged = append(found.damaged, damage{e, reason})
			} else {
				found.batches = append(found.batches, e)
			}
		}
	}
	return found, err
}

// inspect reads the header of a batch. With an error it still returns what could be read.
func (d *directory) inspect(sequence uint64) (e entry, err error) {
	e.sequence = sequence
	file, err := d.root.Open(name(sequence, suffixBatch))
	if err != nil {
		return e, err
	}
	defer file.Close() //nolint:errcheck // it was read only
	info, err := file.Stat()
	if err != nil {
		return e, err
	}
	e.size = info.Size()
	beginning := make([]byte, headerSize)
	n, err := io.ReadFull(file, beginning)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return e, err
	}
	h, err := readHeader(beginning[:n])
	if err != nil {
		return e, err
	}
	e.spans = int64(h.spans)
	return e, h.fits(e.size)
}

// write adds a batch. It is there as a whole or not at all.
func (d *directory) write(sequence uint64, file []byte) error {
	temporary := name(sequence, suffixTemporary)
	err := d.root.WriteFile(temporary, file, 0o600)
	if err == nil {
		err = d.root.Rename(temporary, name(sequence, suffixBatch))
	}
	if err != nil {
		_ = d.root.Remove(temporary) // the next start removes it otherwise
		return fmt.Errorf("write spans to disk: %w", err)
	}
	return nil
}

// read returns the file of a batch. A file that cannot be opened now may be later; one that is gone or cannot be read is damaged.
func (d *directory) read(e entry) ([]byte, error) {
	file, err := d.root.Open(name(e.sequence, suffixBatch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: its file is gone", errDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("open spans on disk: %w", err)
	}
	defer file.Close()            //nolint:errcheck // it was read only
	all := make([]byte, e.size+1) // one more, to notice a file that has grown
	n, err := io.ReadFull(file, all)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return all[:n], nil
}

// remove deletes a file of ours; one that is gone already is fine.
func (d *directory) remove(sequence uint64, suffix string) error {
	if err := d.root.Remove(name(sequence, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spans from disk: %w", err)
	}
	return nil
}

// setAside renames a damaged batch and returns its new name. Of more than a few the oldest are removed.
func (d *directory) setAside(sequence uint64) (string, error) {
	aside := name(sequence, suffixDamaged)
	if err := d.root.Rename(name(sequence, suffixBatch), aside); err != nil {
		return aside, fmt.Errorf("set damaged spans aside: %w", err)
	}
	d.damaged = append(d.damaged, aside)
	var err error
	for len(d.damaged) > maxDamaged {
		err = errors.Join(err, d.root.Remove(d.damaged[0]))
		d.damaged = d.damaged[1:]
	}
	return aside, err
}

func name(sequence uint64, suffix string) string {
	return fmt.Sprintf("%0*d%s", digits, sequence, suffix)
}

// maxSequence is beyond every batch that will ever be: a name with more is a stranger's, and counting goes not on from there.
const maxSequence = math.MaxInt64 / 2

// parseName returns 0 for a name that is none of ours.
func parseName(name string) (sequence uint64, suffix string) {
	if len(name) < digits {
		return 0, ""
	}
	sequence, err := strconv.ParseUint(name[:digits], 10, 64)
	suffix = name[digits:]
	if err != nil || sequence > maxSequence || suffix != suffixBatch && suffix != suffixTemporary && suffix != suffixDamaged {
		return 0, ""
	}
	return sequence, suffix
}
