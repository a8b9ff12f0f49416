package main

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unwritable says that the user of this process cannot write to state_dir; empty when it can, or when there is none. If the directory does
// not exist yet, its nearest existing parent must be writable.
func unwritable(directory string) string {
	if directory == "" {
		return ""
	}
	nearest, err := nearestDirectory(directory)
	if err == nil {
		return ""
	}
	return fmt.Sprintf("This user cannot write to state_dir (%s: %v). If squarewatch runs as the same user, nothing outlives the process: "+
		"create %s for it, or name another directory.", nearest, err, directory)
}

// nearestDirectory returns the directory, or the nearest of its parents that exists, and why this user cannot write to it; nil when it can.
func nearestDirectory(directory string) (string, error) {
	err := unix.Access(directory, unix.W_OK|unix.X_OK)
	for err == unix.ENOENT && directory != filepath.Dir(directory) {
		directory = filepath.Dir(directory)
		err = unix.Access(directory, unix.W_OK|unix.X_OK)
	}
	return directory, err
}
