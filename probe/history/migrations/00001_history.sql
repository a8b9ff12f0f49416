-- +goose Up
-- Times are in microseconds since 1970, UTC. The views show them in a readable form.

CREATE TABLE runs (
  ended      INTEGER NOT NULL,            -- when the last answer was evaluated
  probe      TEXT NOT NULL,
  credential TEXT NOT NULL,
  intended   INTEGER NOT NULL,
  started    INTEGER NOT NULL,
  latency    INTEGER NOT NULL,            -- of the first answer, in microseconds
  attempts   INTEGER NOT NULL,
  class      TEXT NOT NULL,
  code       INTEGER NOT NULL,
  expected   INTEGER NOT NULL,
  breach     INTEGER NOT NULL,
  blame      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  excerpt    TEXT NOT NULL,
  trace      BLOB NOT NULL,
  span       BLOB NOT NULL
);
CREATE INDEX runs_by_end ON runs (ended);
CREATE INDEX runs_by_probe ON runs (probe, ended);

-- Equal results in one minute.
CREATE TABLE rollups (
  minute     INTEGER NOT NULL,            -- its start
  probe      TEXT NOT NULL,
  credential TEXT NOT NULL,
  class      TEXT NOT NULL,
  code       INTEGER NOT NULL,
  expected   INTEGER NOT NULL,
  blame      TEXT NOT NULL,
  runs       INTEGER NOT NULL,
  latency    INTEGER NOT NULL,            -- sum, in microseconds
  slowest    INTEGER NOT NULL,            -- in microseconds
  PRIMARY KEY (minute, probe, credential, class, code, expected, blame)
) WITHOUT ROWID;

-- Scheduled runs that were not started.
CREATE TABLE misses (
  intended INTEGER NOT NULL,              -- of the first run
  probe    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  runs     INTEGER NOT NULL
);
CREATE INDEX misses_by_time ON misses (intended);

-- When squarewatch ran: one row for each process.
CREATE TABLE watches (
  started INTEGER PRIMARY KEY,
  seen    INTEGER NOT NULL                -- when it last wrote
) WITHOUT ROWID;

CREATE VIEW runs_readable AS
  SELECT strftime('%Y-%m-%d %H:%M:%f', ended / 1e6, 'unixepoch') AS at, probe, class, code,
         CASE expected WHEN 1 THEN 'yes' ELSE 'no' END AS expected, latency / 1e6 AS seconds, blame, reason, excerpt,
         lower(hex(trace)) AS trace_id
  FROM runs;
CREATE VIEW rollups_readable AS
  SELECT strftime('%Y-%m-%d %H:%M', minute / 1e6, 'unixepoch') AS minute, probe, class, code,
         CASE expected WHEN 1 THEN 'yes' ELSE 'no' END AS expected, runs, latency / 1e6 / runs AS mean_seconds, slowest / 1e6 AS slowest_seconds
  FROM rollups;
CREATE VIEW misses_readable AS
  SELECT strftime('%Y-%m-%d %H:%M:%f', intended / 1e6, 'unixepoch') AS intended, probe, reason, runs FROM misses;
