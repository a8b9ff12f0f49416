package postgres

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
)

func TestRebind(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1`:                                    `SELECT 1`,
		`SELECT a FROM b WHERE c = ? AND d > ?`:       `SELECT a FROM b WHERE c = $1 AND d > $2`,
		`SELECT ?1, ?12 WHERE a = ?1`:                 `SELECT $1, $12 WHERE a = $1`,
		`SELECT 'what?', ?, 'it''s ?' FROM b WHERE ?`: `SELECT 'what?', $1, 'it''s ?' FROM b WHERE $2`,
	} {
		if got := rebind(query); got != want {
			t.Errorf("%s: want %s, got %s", query, want, got)
		}
	}
}

func TestTextsThatPostgreSQLCannotHoldAreReplaced(t *testing.T) {
	c := &connection{Conn: &stdlib.Conn{}}
	for _, given := range []any{
		"a\x00b\xff", []string{"a\x00b\xff"}, []*string{new("a\x00b\xff"), nil}, sql.NullString{String: "a\x00b\xff", Valid: true},
	} {
		value := driver.NamedValue{Value: given}
		if err := c.CheckNamedValue(&value); err != nil {
			t.Fatal(err)
		}
		var got string
		switch v := value.Value.(type) {
		case string:
			got = v
		case []string:
			got = v[0]
		case []*string:
			got = *v[0]
		}
		if diff := cmp.Diff("a�b�", got); diff != "" {
			t.Errorf("%T: -want +got:\n%s", given, diff)
		}
	}
	none := driver.NamedValue{Value: sql.NullString{}}
	if err := c.CheckNamedValue(&none); err != nil || none.Value != nil {
		t.Errorf("want NULL, got %v, %v", none.Value, err)
	}
}

func TestAnErrorHasNoPassword(t *testing.T) {
	for _, address := range []string{"postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1", "postgres://u:hunter2@host:bad/x"} {
		if _, err := Open(t.Context(), address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want an error without the password, got %v", err)
		}
	}
}
