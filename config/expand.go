package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"squarewatch/config/secret"
)

// maxSecret is the size in bytes of the largest secret that a file may hold.
const maxSecret = 64 << 10

// resolver looks up references.
type resolver struct {
	environ     func(string) (string, bool)
	credentials string // systemd's $CREDENTIALS_DIRECTORY; empty outside systemd
	directory   string // of the configuration file; relative paths start there
}

// lookup returns the value of a reference. Its errors say what to do and never hold a value.
func (s resolver) lookup(r secret.Reference) (string, error) {
	switch r.Kind {
	case "env":
		if value, ok := s.environ(r.Name); ok && value != "" {
			return value, nil
		}
		return "", fmt.Errorf("the environment has no %s: set it where squarewatch is started, or use another reference", r.Name)
	case "file":
		path := r.Name
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.directory, path)
		}
		return readSecret(r, func() (*os.File, error) { return os.Open(path) }) //nolint:gosec // the operator names the file
	default:
		return s.credential(r)
	}
}

// credential reads a file that the service manager provides. os.Root refuses names that leave the directory.
func (s resolver) credential(r secret.Reference) (string, error) {
	if s.credentials == "" {
		return "", fmt.Errorf("%v: there are no service credentials here ($CREDENTIALS_DIRECTORY is not set): "+
			"start squarewatch as its systemd service with LoadCredential=%s:…, "+
			"or set CREDENTIALS_DIRECTORY to a directory with a file of that name", r, r.Name)
	}
	root, err := os.OpenRoot(s.credentials)
	if err != nil {
		return "", fmt.Errorf("%v: open the credentials directory: %w", r, err)
	}
	defer func() { _ = root.Close() }()
	return readSecret(r, func() (*os.File, error) { return root.Open(r.Name) })
}

func readSecret(r secret.Reference, open func() (*os.File, error)) (string, error) {
	file, err := open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%v: there is no such file: create it, readable by the user that squarewatch runs as", r)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%v: permission to read the file is denied: make it readable for the user that squarewatch runs as", r)
	case err != nil:
		return "", fmt.Errorf("%v: %w", r, err)
	}
	defer func() { _ = file.Close() }()
	value, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%v: read the file: %w", r, err)
	case len(value) > maxSecret:
		return "", fmt.Errorf("%v: the file is larger than %d KiB: check that it holds a secret", r, maxSecret>>10)
	case len(strings.TrimSpace(string(value))) == 0:
		return "", fmt.Errorf("%v: the file is empty", r)
	}
	return strings.TrimRight(string(value), "\r\n"), nil
}
