// Package postgres opens a PostgreSQL database for the stores. It is a package of its own, so that a program that does not import it does
// not contain the driver.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"squarewatch/probe/database"
)

const (
	// connections is how many connections a process has at most. A server accepts 100 in all unless it is configured otherwise:
	// https://www.postgresql.org/docs/13/runtime-config-connection.html#GUC-MAX-CONNECTIONS.
	connections = 8
	// oldestVersion is the first version that the stores are written for, as server_version_num has it.
	oldestVersion = 130000
	// connectTimeout limits the time to open one connection.
	connectTimeout = 5 * time.Second
)

// Open opens a database by its address: postgres://user:password@host/name?sslmode=verify-full, see
// https://www.postgresql.org/docs/13/libpq-connect.html#LIBPQ-CONNSTRING. Errors do not contain the password.
func Open(ctx context.Context, address string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("read the address of the database: %w", err) // pgx masks the password in it
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.RuntimeParams["application_name"] = "squarewatch"
	// Texts of the tables are compared and sorted here and there; the transactions are short and rely on row locks only:
	// https://www.postgresql.org/docs/13/transaction-iso.html#XACT-READ-COMMITTED.
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	config.RuntimeParams["timezone"] = "UTC"
	db := sql.OpenDB(connector{inner: stdlib.GetConnector(*config)})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	var version int
	if err := db.QueryRowContext(ctx, `SELECT CAST(current_setting('server_version_num') AS int)`).Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w: %s", err, database.Fix(err)), db.Close())
	}
	if version < oldestVersion {
		const major = 10_000 // 13.4 is 130004
		return nil, errors.Join(fmt.Errorf("the PostgreSQL server has version %d: use 13 or later", version/major), db.Close())
	}
	return db, nil
}

// connector makes connections that accept the placeholders of SQLite, so that one SQL text serves both.
type connector struct{ inner driver.Connector }

// Connect opens a connection.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(errors.New("the driver has other connections than expected"), opened.Close())
	}
	return &connection{Conn: inner}, nil
}

// Driver returns the driver, which is marked as one of PostgreSQL.
func (c connector) Driver() driver.Driver { return marked{c.inner.Driver()} }

// marked is a driver that [database.IsPostgres] recognizes.
type marked struct{ driver.Driver }

// Postgres marks the driver.
func (marked) Postgres() {}

var _ database.Postgres = marked{}

// connection is a connection of pgx that accepts ? and ?1 as placeholders.
type connection struct{ *stdlib.Conn }

// PrepareContext prepares a statement.
func (c *connection) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, rebind(query))
}

// ExecContext executes a statement.
func (c *connection) ExecContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, rebind(query), arguments)
}

// QueryContext executes a query.
func (c *connection) QueryContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, rebind(query), arguments)
}

// CheckNamedValue replaces what a text of PostgreSQL cannot hold: the zero character, and bytes that are not UTF-8. See
// https://www.postgresql.org/docs/13/datatype-character.html and https://www.postgresql.org/docs/13/multibyte.html. SQLite stores both.
func (c *connection) CheckNamedValue(value *driver.NamedValue) error {
	switch v := value.Value.(type) {
	case string:
		value.Value = text(v)
	case sql.NullString:
		if value.Value = nil; v.Valid {
			value.Value = text(v.String)
		}
	case []string:
		for i := range v { // the caller made the list for this statement
			v[i] = text(v[i])
		}
	case []*string:
		for _, s := range v {
			if s != nil {
				*s = text(*s)
			}
		}
	}
	return c.Conn.CheckNamedValue(value)
}

func text(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
}

// rebind replaces the placeholders ? and ?1 of SQLite (https://www.sqlite.org/lang_expr.html#varparam) by $1 of PostgreSQL
// (https://www.postgresql.org/docs/13/sql-expressions.html#SQL-EXPRESSIONS-PARAMETERS-POSITIONAL). It leaves texts in single quotes alone.
// The statements have no comments and no operators of JSON with a question mark.
func rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + len(query)/16)
	quoted, next := false, 1
	for i := range len(query) {
		c := query[i]
		if c == '\'' {
			quoted = !quoted
		}
		if c != '?' || quoted {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('$')
		if i+1 < len(query) && query[i+1] >= '0' && query[i+1] <= '9' {
			continue // the number follows
		}
		b.WriteString(strconv.Itoa(next))
		next++
	}
	return b.String()
}
