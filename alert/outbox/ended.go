package outbox

import (
	"context"
	"fmt"
	"time"

	"squarewatch/alert"
)

// Ended returns incidents that ended after since, as their end was announced, the newest first, at most limit.
func (s *Store) Ended(ctx context.Context, since time.Time, limit int) ([]alert.Incident, error) {
	const query = `SELECT incident FROM incidents WHERE state <> 'firing' AND resolved >= ? ORDER BY resolved DESC LIMIT ?`
	return s.incidents(ctx, query, formatTime(since), limit)
}

// Incident returns an incident as last announced; false when there is none with this identifier.
func (s *Store) Incident(ctx context.Context, id string) (alert.Incident, bool, error) {
	list, err := s.incidents(ctx, `SELECT incident FROM incidents WHERE id = ?`, id)
	if err != nil || len(list) == 0 {
		return alert.Incident{}, false, err
	}
	return list[0], true, nil
}

func (s *Store) incidents(ctx context.Context, query string, arguments ...any) ([]alert.Incident, error) {
	rows, err := s.db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	list, err := readJSON[alert.Incident](rows)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	return list, nil
}
