package initialize

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// typed returns the secrets that were typed.
func (a *Answers) typed() []*Secret {
	var all []*Secret
	for _, s := range a.secrets() {
		if s.File != "" {
			all = append(all, s)
		}
	}
	return all
}

// Save writes the secrets that were typed, with mode 0600 in a directory with mode 0700, and then the file. It overwrites nothing.
// If it cannot write everything, it removes what it wrote.
func (a *Answers) Save(path string) (err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	for _, s := range a.typed() {
		if err := os.MkdirAll(filepath.Dir(s.File), 0o700); err != nil {
			return fmt.Errorf("create the directory of secrets: %w; run this as a user who may create it, or name another with --credentials-dir",
				err)
		}
		if err := create(s.File, s.Typed.Reveal()+"\n", 0o600); err != nil {
			return err
		}
		written = append(written, s.File)
	}
	return create(path, a.Text(), 0o644)
}

// create writes a new file.
func create(path, text string, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the person at the command line names the file
	if errors.Is(err, fs.ErrExist) {
		return AlreadyThere(path)
	}
	if err != nil {
		return fmt.Errorf("%w; run this as a user who may write there, or name another file with --config", err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// AlreadyThere is the error for a file that would be overwritten.
func AlreadyThere(path string) error {
	return fmt.Errorf("%s is there already and is not overwritten: remove it, or name another file with --config", path)
}
