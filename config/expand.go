package config

import (
	"errors"
	"fmt"
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
	credentials string // directory of ${credential:NAME}
	directory   string // of the configuration file; relative paths start there
}

// newResolver returns the resolver for the file at a path.
func newResolver(path string, options Options) resolver {
	environ := options.Environ
	if environ == nil {
		environ = func(string) (string, bool) { return "", false }
	}
	directory := filepath.Dir(path)
	credentials := options.CredentialsDirectory
	if credentials == "" {
		credentials = filepath.Join(directory, CredentialsName)
	}
	return resolver{environ, credentials, directory}
}

// CredentialsName is the name of the directory of secrets beside the configuration file.
const CredentialsName = "credentials"

// stateDirectory returns the default of state_dir: the directory that StateDirectory= of the unit made, or else /var/lib/squarewatch.
func (s resolver) stateDirectory() string {
	if path, ok := s.environ("STATE_DIRECTORY"); ok && filepath.IsAbs(path) && !strings.Contains(path, ":") {
		return path
	}
	return defaultStateDir
}

// lookup returns the value of a reference. Its errors say what to do and never hold a value. It refuses a value that begins or ends
// with a blank, because a blank is invisible and changes the address of a webhook.
func (s resolver) lookup(r secret.Reference) (string, error) {
	value, err := s.value(r)
	if err == nil && strings.TrimSpace(value) != value {
		return "", fmt.Errorf("%v: the value begins or ends with a blank or an empty line: store it again without", r)
	}
	return value, err
}

func (s resolver) value(r secret.Reference) (string, error) {
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
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return "", missing(r, filepath.Base(path), filepath.Dir(path))
		}
		return readSecret(r, func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) }) //nolint:gosec // the operator names the file
	default:
		return s.credential(r)
	}
}

// credential reads a file of the directory that the service manager provides, or of the one beside the configuration file. os.Root refuses
// names that leave the directory.
func (s resolver) credential(r secret.Reference) (string, error) {
	root, err := os.OpenRoot(s.credentials)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%v: there is no directory %s: create it with mode 700, and write the secret into its file %s",
			r, s.credentials, r.Name)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%v: this user may not read %s: run the command as root, with sudo", r, s.credentials)
	case err != nil:
		return "", fmt.Errorf("%v: open the directory of secrets: %w", r, err)
	}
	defer func() { _ = root.Close() }()
	name := r.Name
	if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		if _, err := root.Lstat(credentialPrefix + name); err != nil {
			return "", missing(r, name, s.credentials)
		}
		name = credentialPrefix + name
	}
	return readSecret(r, func(flag int) (*os.File, error) { return root.OpenFile(name, flag, 0) })
}

// missing says in which directory a file is missing, and which file there has a similar name.
func missing(r secret.Reference, name, directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return fmt.Errorf("%v: there is no such file, and the directory %s cannot be read: create the file, "+
			"readable by the user that squarewatch runs as", r, directory)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, strings.TrimPrefix(entry.Name(), credentialPrefix))
		}
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("%v: there is no such file in %s, but %q: write that name, or rename the file", r, directory, near)
	}
	return fmt.Errorf("%v: there is no such file in %s: create it, readable by the user that squarewatch runs as", r, directory)
}

// credentialPrefix begins the names of the files that LoadCredential=squarewatch:DIRECTORY passes on. systemd joins the identifier and
// the name of each file in the directory by an underscore:
// https://github.com/systemd/systemd/blob/v252/man/systemd.exec.xml (LoadCredential=).
const credentialPrefix = "squarewatch_"

// readSecret reads a secret from a file. One line break at its end is not part of it, as editors and echo add one.
func readSecret(r secret.Reference, open func(flag int) (*os.File, error)) (string, error) {
	value, err := readBounded(open, maxSecret)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%v: there is no such file: create it, readable by the user that squarewatch runs as", r)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%v: permission to read the file is denied: make it readable for the user that squarewatch runs as", r)
	case errors.Is(err, errTooLarge):
		return "", fmt.Errorf("%v: the file is larger than %d KiB: check that it holds a secret", r, maxSecret>>10)
	case err != nil:
		return "", fmt.Errorf("%v: read the file: %w", r, err)
	case len(strings.TrimSpace(string(value))) == 0:
		return "", fmt.Errorf("%v: the file is empty", r)
	}
	return strings.TrimRight(string(value), "\r\n"), nil
}
