package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	// maxFile is the size in bytes of the largest configuration file. 10,000 probes take about 2 MB.
	maxFile = 16 << 20
	// readLimit is the longest time for reading one pipe, whose writer may be silent. Reading the configuration together with the secrets
	// that it names may take three times as long, because a disk may hang.
	readLimit = 10 * time.Second
)

var errTooLarge = errors.New("is too large")

// readBounded reads a regular file or a pipe of at most limit bytes. Opening does not wait for the writer of a FIFO: with O_NONBLOCK it
// returns at once (https://pubs.opengroup.org/onlinepubs/9799919799/functions/open.html), and the deadline then bounds each read.
// Devices and directories are refused, since /dev/zero has no end. A file above the limit gives an error that wraps errTooLarge.
func readBounded(open func(flag int) (*os.File, error), limit int64) ([]byte, error) {
	file, err := open(os.O_RDONLY | syscall.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("is a directory; name a file in it")
	case info.Mode()&fs.ModeType&^fs.ModeNamedPipe != 0:
		return nil, errors.New("is a device or a socket; name a regular file")
	}
	if info.Mode()&fs.ModeNamedPipe != 0 {
		_ = file.SetReadDeadline(time.Now().Add(readLimit)) // it fails only where the system cannot wait for a file
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("nothing more came through the pipe within %v; end its writer, or name a regular file", readLimit)
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%w: it has more than %d KiB", errTooLarge, limit>>10)
	}
	return data, nil
}

// bounded runs read on a goroutine of its own and returns when it has ended, when ctx ends, or after three times readLimit. A system call
// that waits for a hanging disk cannot be ended, so its goroutine stays behind until the disk answers.
func bounded[T any](ctx context.Context, path string, read func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := read()
		done <- outcome{value, err}
	}()
	limit := time.NewTimer(3 * readLimit)
	defer limit.Stop()
	var none T
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return none, fmt.Errorf("read the configuration %s: %w", path, context.Cause(ctx))
	case <-limit.C:
		return none, fmt.Errorf("read the configuration %s: not finished after %v; "+
			"check the disks that hold it and the secrets that it names", path, 3*readLimit)
	}
}
