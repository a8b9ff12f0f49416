package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"squarewatch/alert"
)

// Delivery is one message about an incident that a destination has received.
type Delivery struct {
	Incident  string        `json:"incident"`
	Notifier  string        `json:"notifier"`
	Event     alert.Event   `json:"event"`     // kind of the message that the destination received
	Queued    time.Time     `json:"queued"`    // when the first change in the message happened
	Delivered time.Time     `json:"delivered"` // when the destination had accepted it
	Took      time.Duration `json:"-"`         // duration of the attempt that succeeded
	Attempts  int           `json:"attempts"`  // by the process that delivered the message; at least 1
	Ref       string        `json:"ref"`       // the notifier's reference to the message; may be empty
}

// ErrNoIncident is the error for an incident that is not stored.
var ErrNoIncident = errors.New("no incident with this identifier is stored")

// Incident returns a stored incident as it was last announced; [ErrNoIncident] for none. While it fires, the engine has newer
// figures.
func (s *Store) Incident(ctx context.Context, id string) (alert.Incident, error) {
	list, err := s.incidents(ctx, `WHERE id = ?`, id)
	if err != nil {
		return alert.Incident{}, err
	}
	if len(list) == 0 {
		return alert.Incident{}, ErrNoIncident
	}
	return list[0], nil
}

// IncidentFilter selects incidents. Empty fields select all.
type IncidentFilter struct {
	Rule, Series string
	Since        time.Time // those that fire, or ended after it
	Until        time.Time // those that fired before it
	Limit        int       // at most this number, the newest ones
}

// Incidents returns stored incidents as they were last announced, the newest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]alert.Incident, error) {
	if f.Limit == 0 {
		f.Limit = math.MaxInt // no limit
	}
	return s.incidents(ctx, `WHERE (?1 = '' OR rule = ?1) AND (?2 = '' OR series = ?2) AND (?3 = '' OR resolved = '' OR resolved > ?3)
		AND (?4 = '' OR fired < ?4) ORDER BY fired DESC LIMIT ?5`, f.Rule, f.Series, formatTime(f.Since), formatTime(f.Until), f.Limit)
}

// incidents returns the incidents that a query selects; where is the end of the query. It leaves out rows that cannot
// be read, and reports them in the error.
func (s *Store) incidents(ctx context.Context, where string, arguments ...any) ([]alert.Incident, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT incident FROM incidents `+where, arguments...) //nolint:gosec // constants
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	list, err := readJSON[alert.Incident](rows)
	if err != nil {
		err = fmt.Errorf("read incidents: %w", err)
	}
	return list, err
}

// Deliveries returns what destinations have received of an incident, in order. Rows that cannot be read are left out and reported in the
// error.
func (s *Store) Deliveries(ctx context.Context, incident string) ([]Delivery, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT notifier, event, queued, delivered, took, attempts, ref FROM deliveries
		WHERE incident = ? ORDER BY delivered, rowid`, incident)
	if err != nil {
		return nil, fmt.Errorf("read the deliveries of incident %s: %w", incident, err)
	}
	defer func() { _ = rows.Close() }()
	var list []Delivery
	var faults []error
	for rows.Next() {
		d := Delivery{Incident: incident}
		var queued, delivered string
		var took int64
		if err := rows.Scan(&d.Notifier, &d.Event, &queued, &delivered, &took, &d.Attempts, &d.Ref); err != nil {
			faults = append(faults, fmt.Errorf("read the deliveries of incident %s: %w", incident, err))
			continue
		}
		d.Queued, d.Delivered, d.Took = parseTime(queued), parseTime(delivered), time.Duration(took)*time.Microsecond
		list = append(list, d)
	}
	return list, errors.Join(append(faults, rows.Err())...)
}

// lastDeliveries returns when each notifier last received a message about an incident.
func (s *Store) lastDeliveries(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT notifier, max(delivered) FROM deliveries GROUP BY notifier`)
	if err != nil {
		return nil, fmt.Errorf("read the last deliveries: %w", err)
	}
	defer func() { _ = rows.Close() }()
	last := map[string]time.Time{}
	for rows.Next() {
		var notifier, delivered string
		if err := rows.Scan(&notifier, &delivered); err != nil {
			return nil, fmt.Errorf("read the last deliveries: %w", err)
		}
		last[notifier] = parseTime(delivered)
	}
	return last, rows.Err()
}

func writeDeliveries(ctx context.Context, tx *sql.Tx, list []Delivery) error {
	for _, d := range list {
		if _, err := tx.ExecContext(ctx, `INSERT INTO deliveries (incident, notifier, event, queued, delivered, took, attempts, ref)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, d.Incident, d.Notifier, string(d.Event),
			formatTime(d.Queued), formatTime(d.Delivered), d.Took.Microseconds(), d.Attempts, d.Ref); err != nil {
			return fmt.Errorf("write a delivery: %w", err)
		}
	}
	return nil
}
