//go:build soak

package soak_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/database"
)

// kept is what the daemon kept.
type kept struct {
	runs      map[string][]keptRun // by probe, in the order in which they were due
	misses    map[string][]span    // by probe: stretches of time whose due runs were missed
	incidents map[string]keptIncident
}

// keptRun is a run as the daemon kept it.
type keptRun struct {
	intended, started, ended time.Time
	attempts, code           int
	expected                 bool
	blame                    probe.Blame
	trace                    string
}

// keptIncident is an incident as the daemon kept it.
type keptIncident struct {
	rule, series, state string
	fired, resolved     time.Time
	leader              string // identifier of the incident that it joined
	blamed              string // the credential of its newest runs, if they blame one
}

// readKept reads the database of a daemon that has ended.
func readKept(ctx context.Context, state string) (k kept, err error) {
	db, err := database.OpenReadOnly(ctx, filepath.Join(state, "squarewatch.db"))
	if err != nil {
		return k, err
	}
	defer func() { _ = db.Close() }()
	if k.runs, err = keptRuns(ctx, db); err != nil {
		return k, err
	}
	if k.misses, err = keptMisses(ctx, db); err != nil {
		return k, err
	}
	k.incidents, err = keptIncidents(ctx, db)
	return k, err
}

func keptRuns(ctx context.Context, db *sql.DB) (map[string][]keptRun, error) {
	rows, err := db.QueryContext(ctx, `SELECT probe, intended, started, ended, attempts, code, expected, blame, lower(hex(trace)) FROM runs
		ORDER BY intended`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]keptRun{}
	for rows.Next() {
		var k keptRun
		var name string
		var intended, started, ended int64
		if err := rows.Scan(&name, &intended, &started, &ended, &k.attempts, &k.code, &k.expected, &k.blame, &k.trace); err != nil {
			return nil, err
		}
		k.intended, k.started, k.ended = time.UnixMicro(intended), time.UnixMicro(started), time.UnixMicro(ended)
		all[name] = append(all[name], k)
	}
	return all, rows.Err()
}

func keptMisses(ctx context.Context, db *sql.DB) (map[string][]span, error) {
	rows, err := db.QueryContext(ctx, `SELECT probe, intended, runs FROM misses`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]span{}
	for rows.Next() {
		var name string
		var intended, runs int64
		if err := rows.Scan(&name, &intended, &runs); err != nil {
			return nil, err
		}
		from := time.UnixMicro(intended)
		all[name] = append(all[name], span{from, from.Add(time.Duration(runs) * interval)})
	}
	return all, rows.Err()
}

func keptIncidents(ctx context.Context, db *sql.DB) (map[string]keptIncident, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, rule, series, state, fired, resolved, incident FROM incidents`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[string]keptIncident{}
	for rows.Next() {
		var id, fired, resolved, text string
		var i keptIncident
		if err := rows.Scan(&id, &i.rule, &i.series, &i.state, &fired, &resolved, &text); err != nil {
			return nil, err
		}
		i.fired, _ = time.Parse(time.RFC3339Nano, fired)
		i.resolved, _ = time.Parse(time.RFC3339Nano, resolved)
		var said alert.Incident
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			return nil, err
		}
		i.leader, i.blamed = said.Leader, said.Blamed
		all[id] = i
	}
	return all, rows.Err()
}
