//go:build soak

package soak_test

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// diskSize is the size of the disk of the state directory while it has room.
const diskSize = 512 << 20

// disk is a file system in memory for the state directory: https://docs.kernel.org/filesystems/tmpfs.html. Its size can be changed and it
// can become read-only while it is mounted.
type disk struct {
	path    string
	without string // why there is none; empty when there is one

	mu       sync.Mutex
	full     int // faults that fill it
	readOnly int // faults that make it read-only
}

// newDisk mounts a disk on a directory. That needs root: for others, the state is in the directory itself, and disk faults are left out.
func newDisk(path string) (*disk, error) {
	d := &disk{path: path}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("soak", path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskSize)); err != nil {
		d.without = fmt.Sprintf("mounting a tmpfs: %v (it needs root)", err)
	}
	return d, nil
}

// change changes what is wrong with the disk.
func (d *disk) change(full, readOnly int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.readOnly = d.full+full, d.readOnly+readOnly
	flags, size := uintptr(unix.MS_REMOUNT), uint64(diskSize)
	if d.readOnly > 0 {
		flags |= unix.MS_RDONLY
	}
	if d.full > 0 {
		var used unix.Statfs_t
		if err := unix.Statfs(d.path, &used); err != nil {
			return err
		}
		size = (used.Blocks - used.Bfree) * uint64(used.Bsize)
	}
	return unix.Mount("soak", d.path, "tmpfs", flags, fmt.Sprintf("size=%d", size))
}

func (d *disk) close() {
	if d.without == "" {
		_ = unix.Unmount(d.path, unix.MNT_DETACH)
	}
}
