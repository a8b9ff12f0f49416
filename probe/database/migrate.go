package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// Migrate brings the tables of one package up to date. files holds its migrations (00001_name.sql with "-- +goose Up"),
// table is where it keeps which of them were made: every package has its own, so that none knows of the others.
func Migrate(ctx context.Context, db *sql.DB, files fs.FS, table string) error {
	store, err := goosedb.NewStore(goosedb.DialectSQLite3, table)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, files, goose.WithStore(store))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	known := provider.ListSources()
	newest := known[len(known)-1].Version
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if version > newest {
		return fmt.Errorf("the database was written by a newer squarewatch (%s is at %d, this one knows %d): install that version again, or move the file away to begin anew",
			table, version, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}
