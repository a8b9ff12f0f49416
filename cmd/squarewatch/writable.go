package main

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unwritable says that the user of this process cannot write to state_dir; empty when it can, or when there is none. For a directory that
// does not exist yet, its nearest parent that does must be writable.
func unwritable(directory string) string {
	if directory == "" {
		return ""
	}
	nearest := directory
	err := unix.Access(nearest, unix.W_OK|unix.X_OK)
	for err == unix.ENOENT && nearest != filepath.Dir(nearest) {
		nearest = filepath.Dir(nearest)
		err = unix.Access(nearest, unix.W_OK|unix.X_OK)
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("This user cannot write to state_dir (%s: %v). If squarewatch runs as the same user, nothing outlives the process: "+
		"create %s for it, or name another directory.", nearest, err, directory)
}
