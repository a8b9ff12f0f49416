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

// A file name is 20 digits and one of these suffixes. Other files in the directory are ignored.
const (
	digits          = 20
	suffixBatch     = ".spans"
	suffixTemporary = ".temporary" // being written, or left by a process that was killed meanwhile
	suffixDamaged   = ".damaged"
	lockName        = "lock"
)

// maxDamaged is how many damaged files are kept for inspection.
const maxDamaged = 10

// directory stores batches as files, for one process at a time.
type directory struct {
	root    *os.Root
	lock    *os.File
	damaged []string // names, oldest first
}

// errInUse is the error of a directory that another process has locked.
var errInUse = errors.New("the spool of spans is in use by another process")

// openDirectory creates the directory if it does not exist, and locks it. The kernel releases the lock when the process ends.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create the spool of spans: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the spool of spans: %w", err)
	}
	lock, err := lockDirectory(root)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s: stop that process, or set another state_dir", errInUse, path)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &directory{root: root, lock: lock}, nil
}

// lockDirectory locks the lock file. The file is never deleted: one process could hold the lock of the deleted file while another
// creates and locks a new one.
func lockDirectory(root *os.Root) (*os.File, error) {
	lock, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the spool of spans: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the spool of spans: %w", err), lock.Close())
	}
	return lock, nil
}

// close unlocks the directory.
func (d *directory) close() error { return errors.Join(d.root.Close(), d.lock.Close()) }

// entry describes a batch in the queue.
type entry struct {
	sequence uint64
	spans    int64
	size     int64 // of its file, in bytes
}

// damagedBatch is a batch whose file cannot be used.
type damagedBatch struct {
	entry
	reason error
}

// contents is what an earlier process left in the directory.
type contents struct {
	batches []entry // oldest first
	damaged []damagedBatch
	last    uint64 // the highest sequence of any file, which is not used again
}

// scan reads the names and headers of all files. It removes files that an earlier process did not finish.
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
				found.damaged = append(found.damaged, damagedBatch{entry: e, reason: reason})
			} else {
				found.batches = append(found.batches, e)
			}
		}
	}
	return found, err
}

// inspect reads the header of a batch. If it fails, it returns the fields that it could read together with the error.
func (d *directory) inspect(sequence uint64) (e entry, err error) {
	e.sequence = sequence
	file, err := d.root.Open(name(sequence, suffixBatch))
	if err != nil {
		return e, err
	}
	defer file.Close() //nolint:errcheck // the file was only read
	info, err := file.Stat()
	if err != nil {
		return e, err
	}
	e.size = info.Size()
	start := make([]byte, headerSize)
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return e, err
	}
	h, err := readHeader(start[:n])
	if err != nil {
		return e, err
	}
	e.spans = int64(h.spans)
	return e, h.checkSize(e.size)
}

// write adds a batch. The batch is renamed into place, so no reader sees a part of it.
func (d *directory) write(sequence uint64, file []byte) error {
	temporary := name(sequence, suffixTemporary)
	err := d.root.WriteFile(temporary, file, 0o600)
	if err == nil {
		err = d.root.Rename(temporary, name(sequence, suffixBatch))
	}
	if err != nil {
		_ = d.root.Remove(temporary) // if this fails, the next start removes the file
		return fmt.Errorf("write spans to disk: %w", err)
	}
	return nil
}

// read returns the file of a batch. A file that is missing or cannot be read is damaged. A file that cannot be opened is not: opening it
// may succeed later.
func (d *directory) read(e entry) ([]byte, error) {
	file, err := d.root.Open(name(e.sequence, suffixBatch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: its file is missing", errDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("open spans on disk: %w", err)
	}
	defer file.Close()            //nolint:errcheck // the file was only read
	all := make([]byte, e.size+1) // one byte more, to detect a file that has grown
	n, err := io.ReadFull(file, all)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return all[:n], nil
}

// remove deletes a file. It succeeds if the file does not exist.
func (d *directory) remove(sequence uint64, suffix string) error {
	if err := d.root.Remove(name(sequence, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spans from disk: %w", err)
	}
	return nil
}

// setAside renames the file of a damaged batch and returns the new name. It keeps the newest maxDamaged files and deletes older ones.
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

// maxSequence is higher than any sequence that this program can reach. A file with a higher number is not ours, and numbering does not
// continue from it.
const maxSequence = math.MaxInt64 / 2

// parseName returns the parts of a file name, or 0 if the file is not ours.
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
