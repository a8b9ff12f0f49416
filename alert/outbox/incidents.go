package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"squarewatch/alert"
)

// ReadStore returns a store in a database whose tables another process maintains. It only reads.
func ReadStore(db *sql.DB) *Store { return &Store{db: db} }

// Incidents returns the incidents that fired before until and were not over at since, oldest first, also those that were silenced. It leaves
// out those that joined another incident, which tells of them.
func (s *Store) Incidents(ctx context.Context, since, until time.Time) ([]alert.Incident, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT incident, resolved FROM incidents WHERE fired < ? AND (state = 'firing' OR resolved > ?) ORDER BY fired`,
		formatTime(until), formatTime(since))
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []alert.Incident
	for rows.Next() {
		var text, resolved string
		var i alert.Incident
		if err := rows.Scan(&text, &resolved); err != nil {
			return nil, fmt.Errorf("read incidents: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			return nil, fmt.Errorf("read an incident: %w", err)
		}
		if i.Leader != "" {
			continue
		}
		i.Resolved = parseTime(resolved)
		list = append(list, i)
	}
	return list, rows.Err()
}
