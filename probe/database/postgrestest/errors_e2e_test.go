//go:build e2e

package postgrestest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"squarewatch/probe/database"
	"squarewatch/probe/database/postgres"
	"squarewatch/probe/database/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestKindsOfErrors(t *testing.T) {
	db := postgrestest.Open(t, t.Name())
	defer func() { _ = db.Close() }()
	if !database.IsPostgres(db) {
		t.Fatal("want PostgreSQL recognized")
	}
	for _, c := range []struct {
		statement string
		want      database.Kind
	}{
		{`CREATE TABLE a (b BIGINT PRIMARY KEY)`, database.KindOther},
		{`INSERT INTO a VALUES (1)`, database.KindOther},
		{`INSERT INTO a VALUES (1)`, database.KindUnique},
		{`DO $$BEGIN RAISE SQLSTATE '53100'; END$$`, database.KindFull},
		{`DO $$BEGIN RAISE SQLSTATE '40001'; END$$`, database.KindConflict},
		{`DO $$BEGIN RAISE SQLSTATE '40P01'; END$$`, database.KindConflict},
		{`BEGIN READ ONLY; INSERT INTO a VALUES (2)`, database.KindReadOnly},
		{`SELECT pg_terminate_backend(pg_backend_pid())`, database.KindUnreachable},
		{`SELECT 1`, database.KindOther},
	} {
		_, err := db.ExecContext(t.Context(), c.statement)
		if got := database.KindOf(err); got != c.want || c.want != database.KindOther && strings.Contains(database.Fix(err), "state_dir") {
			t.Errorf("%s: want kind %d, got %d: %v; %s", c.statement, c.want, got, err, database.Fix(err))
		}
	}
	_, err := postgres.Open(t.Context(), "host="+t.TempDir()+" user=nobody sslmode=disable")
	if database.KindOf(err) != database.KindUnreachable {
		t.Errorf("want a server that does not run reported as unreachable, got %v", err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	db := postgrestest.Open(t, t.Name())
	defer func() { _ = db.Close() }()
	one := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (b BIGINT);")}}
	two := fstest.MapFS{"00001_a.sql": one["00001_a.sql"], "00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (b BIGINT);")}}
	for range 2 {
		if err := database.Migrate(t.Context(), db, two, "version"); err != nil {
			t.Fatal(err)
		}
	}
	if err := database.Migrate(t.Context(), db, one, "version"); err == nil || !strings.Contains(err.Error(), "newer squarewatch") {
		t.Errorf("want the newer database refused, got %v", err)
	}
}
