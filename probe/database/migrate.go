package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// ErrNewer marks a database that a newer squarewatch wrote.
var ErrNewer = errors.New("the database was written by a newer squarewatch")

// Tables are the tables of one package.
type Tables struct {
	Name    string // what the tables hold, for errors
	Version string // name of the table that records which migrations have been applied; every package has its own
	Files   fs.FS  // its folder migrations holds the migrations for SQLite, and migrations/postgres those for PostgreSQL
}

// SchemaVersion returns the number of the migrations.
func (t Tables) SchemaVersion() int {
	names, _ := fs.Glob(t.Files, "migrations/*.sql") // the error is only about the pattern, which is valid
	return len(names)
}

// Update creates the tables, or brings them up to date.
func (t Tables) Update(ctx context.Context, db *sql.DB) error {
	folder := "migrations"
	if IsPostgres(db) {
		folder += "/postgres"
	}
	files, err := fs.Sub(t.Files, folder)
	if err != nil {
		return fmt.Errorf("read the migrations of %s: %w", t.Name, err)
	}
	if err := Migrate(ctx, db, files, t.Version); err != nil {
		return fmt.Errorf("prepare the tables of %s: %w", t.Name, err)
	}
	return nil
}

// Migrate migrates the tables of one package. files contains the migrations (00001_name.sql with "-- +goose Up"). table records
// which of them have been applied; every package has its own.
func Migrate(ctx context.Context, db *sql.DB, files fs.FS, table string) error {
	dialect := goosedb.DialectSQLite3
	if IsPostgres(db) {
		dialect = goosedb.DialectPostgres
	}
	store, err := goosedb.NewStore(dialect, table)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	return lockedWhile(ctx, db, table, func() error { return up(ctx, db, files, table, store) })
}

// up applies the migrations that are missing.
func up(ctx context.Context, db *sql.DB, files fs.FS, table string, store goosedb.Store) error {
	provider, err := goose.NewProvider(goose.DialectCustom, db, files, goose.WithStore(store))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if version > newest {
		return fmt.Errorf("%w (%s has version %d, this program supports %d): %s", ErrNewer, table, version, newest, Fix(ErrNewer))
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the tables: %w", err)
	}
	return nil
}
