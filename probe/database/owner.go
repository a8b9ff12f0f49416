package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrInUse is the error of a directory that another process owns.
var ErrInUse = errors.New("state_dir is in use")

// Owner is the ownership of a directory by this process. The kernel ends it with the process, however that ends.
type Owner struct {
	directory *os.File
	named     bool // the file with the process identifier is written, or must not be
}

// pidFile holds the process identifier of the owner, for people.
const pidFile = "squarewatch.pid"

// Own takes ownership of a directory, which it creates if it is missing. It returns an error that is ErrInUse and names the process when
// another process owns it. The lock is on the directory itself, so that a full or read-only disk can be owned too. On a file system without
// such locks (flock on NFS, see https://man7.org/linux/man-pages/man2/flock.2.html) it only logs a warning.
func Own(ctx context.Context, path string, logger *slog.Logger) (*Owner, error) {
	const directoryMode = 0o700
	if err := os.MkdirAll(path, directoryMode); err != nil {
		return nil, fmt.Errorf("create state_dir: %w: name a directory that the user of squarewatch can write to", err)
	}
	directory, err := os.Open(path) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("open state_dir: %w", err)
	}
	switch err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		_ = directory.Close()
		return nil, fmt.Errorf("%w: %s belongs to the squarewatch with process identifier %s; two processes would mix their histories and "+
			"report every incident twice: stop it, or give this one its own state_dir", ErrInUse, path, ownerOf(path))
	case err != nil:
		logger.WarnContext(ctx, "cannot lock state_dir, so that a second squarewatch with the same state_dir would not be refused",
			"path", path, "error", err)
		return &Owner{directory: directory, named: true}, nil
	}
	return &Owner{directory: directory}, nil
}

// Name writes the process identifier for people, if that is not done yet. Call it after Own, and again after an error: on a read-only disk
// the file still names the previous owner.
func (o *Owner) Name() error {
	const fileMode = 0o600
	if o.named {
		return nil
	}
	path := filepath.Join(o.directory.Name(), pidFile)
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), fileMode); err != nil {
		return err
	}
	o.named = true
	return nil
}

// ownerOf returns the process identifier that the owner of a directory wrote.
func ownerOf(path string) string {
	text, err := os.ReadFile(filepath.Join(path, pidFile)) //nolint:gosec // the operator names the directory
	pid, errNumber := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || errNumber != nil {
		return "unknown (fuser " + path + " names it)"
	}
	return strconv.Itoa(pid)
}

// Close ends the ownership.
func (o *Owner) Close() error { return o.directory.Close() }
