// Package postgrestest starts a PostgreSQL server for tests, from the programs that Debian's package postgresql installs.
package postgrestest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/database/postgres"
)

// Variable is the variable of the environment with the address of the server that the tests of a process use. [Main] sets it.
const Variable = "SQUAREWATCH_TEST_POSTGRES"

// Main runs the tests of a package while a server runs. Call it in TestMain.
func Main(m *testing.M) {
	server, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv(Variable, server.Address("postgres")) // the name is valid
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

// Server is a running server. It listens on a socket in its own directory, and nowhere else.
type Server struct {
	directory string
	process   *exec.Cmd
}

// Start creates a cluster and starts its server. PostgreSQL refuses to run as root (https://www.postgresql.org/docs/13/postgres-user.html),
// so for root it runs as the user postgres.
func Start() (*Server, error) {
	directory, err := os.MkdirTemp("", "squarewatch-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{directory: directory}
	attributes, err := s.own()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	data := filepath.Join(directory, "data")
	initdb := exec.CommandContext(context.Background(), program("initdb"), //nolint:gosec // an installed program
		"--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = directory, attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(directory))
	}
	var log bytes.Buffer
	s.process = exec.CommandContext(context.Background(), program("postgres"), //nolint:gosec // an installed program
		"-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "max_connections=300",
		"-c", "fsync=off") // the files need not survive a loss of power
	s.process.Dir, s.process.SysProcAttr, s.process.Stdout, s.process.Stderr = directory, attributes, &log, &log
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	if err := s.await(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start postgres: %w: %s", err, log.String())
	}
	return s, nil
}

// own gives the directory to the user of the server, and returns the attributes of its processes.
func (s *Server) own() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("install postgresql: %w", err)
	}
	const bits = 32
	uid, errUser := strconv.ParseUint(account.Uid, 10, bits)
	gid, errGroup := strconv.ParseUint(account.Gid, 10, bits)
	if err := errors.Join(errUser, errGroup, os.Chown(s.directory, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// await waits until the server answers.
func (s *Server) await() error {
	const patience, pause = 30 * time.Second, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		db, err := postgres.Open(ctx, s.Address("postgres"))
		if err == nil {
			return db.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// Address returns the address of one of the server's databases.
func (s *Server) Address(name string) string {
	return "host=" + s.directory + " user=postgres sslmode=disable dbname=" + name
}

// Stop ends the server at once and deletes its files.
func (s *Server) Stop() {
	_ = s.process.Process.Signal(syscall.SIGQUIT) // "immediate shutdown": https://www.postgresql.org/docs/13/server-shutdown.html
	_ = s.process.Wait()
	_ = os.RemoveAll(s.directory)
}

// program returns the path of a program of PostgreSQL. Debian keeps them out of PATH, in a folder for each version.
func program(name string) string {
	paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is valid
	if len(paths) == 0 {
		return name
	}
	return slices.Max(paths)
}

// Open opens a database of the server of [Main]. The same path opens the same database, as with a file.
func Open(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	server := os.Getenv(Variable)
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(path)) // never fails
	name := fmt.Sprintf("test_%x", hash.Sum64())
	all, err := postgres.Open(tb.Context(), server)
	if err != nil {
		tb.Fatal(err)
	}
	var exists bool
	const query = `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = ?)`
	if err := all.QueryRowContext(tb.Context(), query, name).Scan(&exists); err != nil {
		tb.Fatal(err)
	}
	if !exists {
		if _, err := all.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
			tb.Fatal(err)
		}
	}
	if err := all.Close(); err != nil {
		tb.Fatal(err)
	}
	db, err := postgres.Open(tb.Context(), server+" dbname="+name) // the later one counts
	if err != nil {
		tb.Fatal(err)
	}
	return db
}
