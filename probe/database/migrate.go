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

// Migrate migrates the tables of one package. files contains the migrations (00001_name.sql with "-- +goose Up"). table records
// which of them have been applied; every package has its own.
func Migrate(ctx context.Context, db *sql.DB, files fs.FS, table string) error {
	store, err := goosedb.NewStore(goosedb.DialectSQLite3, table)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
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
