-- +goose Up
-- How long the runs of a probe took in an hour. The hours of a day become one row after some days. Filled from single runs once an hour is
-- over, also the hours before an upgrade whose single runs are still kept.
CREATE TABLE latencies (
  begin   INTEGER NOT NULL,               -- of the hour or the day
  probe   TEXT NOT NULL,
  hours   INTEGER NOT NULL,               -- 1 or 24
  summary BLOB NOT NULL,                  -- a histogram of latencies, and sums of phases: see summary.go
  PRIMARY KEY (begin, probe)
) WITHOUT ROWID;

-- When another configuration came into force without a start; watches has the starts.
CREATE TABLE reloads (
  at INTEGER PRIMARY KEY
) WITHOUT ROWID;
CREATE VIEW reloads_readable AS SELECT strftime('%Y-%m-%d %H:%M:%f', at / 1e6, 'unixepoch') AS at FROM reloads;
