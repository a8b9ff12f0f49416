-- +goose Up
-- The tables of ../00001_history.sql to 00006_latencies.sql, as PostgreSQL has them: yes and no are BOOLEAN, numbers are BIGINT, texts
-- compare by their bytes (COLLATE "C"), as in SQLite. Times are in microseconds since 1970, UTC. Several hosts write here, so rows of runs
-- have the location of the host, and a run is unique by (location, probe, intended): made twice, it counts once.

-- One partition a day, so that an old day is dropped and not deleted row by row: https://www.postgresql.org/docs/13/ddl-partitioning.html.
-- A unique key must contain the column of the partitions, so that is intended, and not ended.
CREATE TABLE runs (
  location   TEXT COLLATE "C" NOT NULL,
  probe      TEXT COLLATE "C" NOT NULL,
  intended   BIGINT NOT NULL,
  ended      BIGINT NOT NULL,
  credential TEXT COLLATE "C" NOT NULL,
  started    BIGINT NOT NULL,
  latency    BIGINT NOT NULL,
  attempts   BIGINT NOT NULL,
  class      TEXT COLLATE "C" NOT NULL,
  code       BIGINT NOT NULL,
  expected   BOOLEAN NOT NULL,
  breach     BOOLEAN NOT NULL,
  blame      TEXT COLLATE "C" NOT NULL,
  reason     TEXT NOT NULL,
  excerpt    TEXT NOT NULL,
  trace      BYTEA NOT NULL,
  span       BYTEA NOT NULL,
  evidence   TEXT,
  settle     TEXT,
  detail     TEXT,
  PRIMARY KEY (location, probe, intended)
) PARTITION BY RANGE (intended);
CREATE INDEX runs_by_end ON runs (ended);
CREATE INDEX runs_by_probe ON runs (probe, ended);
CREATE INDEX runs_by_trace ON runs (trace) WHERE detail IS NOT NULL;

-- Equal results in one minute at one location.
CREATE TABLE rollups (
  minute     BIGINT NOT NULL,
  probe      TEXT COLLATE "C" NOT NULL,
  location   TEXT COLLATE "C" NOT NULL,
  credential TEXT COLLATE "C" NOT NULL,
  class      TEXT COLLATE "C" NOT NULL,
  code       BIGINT NOT NULL,
  expected   BOOLEAN NOT NULL,
  blame      TEXT COLLATE "C" NOT NULL,
  runs       BIGINT NOT NULL,
  latency    BIGINT NOT NULL,
  slowest    BIGINT NOT NULL,
  PRIMARY KEY (minute, probe, location, credential, class, code, expected, blame)
);

-- Equal results in one hour at one location.
CREATE TABLE hours (
  hour       BIGINT NOT NULL,
  probe      TEXT COLLATE "C" NOT NULL,
  location   TEXT COLLATE "C" NOT NULL,
  credential TEXT COLLATE "C" NOT NULL,
  class      TEXT COLLATE "C" NOT NULL,
  code       BIGINT NOT NULL,
  expected   BOOLEAN NOT NULL,
  blame      TEXT COLLATE "C" NOT NULL,
  runs       BIGINT NOT NULL,
  latency    BIGINT NOT NULL,
  slowest    BIGINT NOT NULL,
  PRIMARY KEY (hour, probe, location, credential, class, code, expected, blame)
);

CREATE TABLE misses (
  location TEXT COLLATE "C" NOT NULL,
  rowid    BIGINT GENERATED ALWAYS AS IDENTITY,
  intended BIGINT NOT NULL,
  probe    TEXT COLLATE "C" NOT NULL,
  reason   TEXT COLLATE "C" NOT NULL,
  runs     BIGINT NOT NULL,
  PRIMARY KEY (location, probe, intended, reason)
);
CREATE INDEX misses_by_time ON misses (intended);
CREATE INDEX misses_by_probe ON misses (probe, intended);
CREATE INDEX misses_by_row ON misses (rowid);

CREATE TABLE watches (
  started BIGINT PRIMARY KEY,
  seen    BIGINT NOT NULL
);

CREATE TABLE keys (
  credential TEXT PRIMARY KEY,
  salt       BYTEA NOT NULL,
  hash       BYTEA NOT NULL,
  since      BIGINT NOT NULL
);

CREATE TABLE latencies (
  begin   BIGINT NOT NULL,
  probe   TEXT COLLATE "C" NOT NULL,
  hours   BIGINT NOT NULL,
  summary BYTEA NOT NULL,
  PRIMARY KEY (begin, probe)
);

CREATE TABLE reloads (
  at BIGINT PRIMARY KEY
);

CREATE VIEW runs_readable AS
  SELECT to_char(to_timestamp(ended / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS at, location, probe, class, code,
         CASE WHEN expected THEN 'yes' ELSE 'no' END AS expected, latency / 1e6 AS seconds, blame, reason, excerpt,
         encode(trace, 'hex') AS trace_id, evidence, settle, detail
  FROM runs;
CREATE VIEW rollups_readable AS
  SELECT to_char(to_timestamp(minute / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS minute, location, probe, class, code,
         CASE WHEN expected THEN 'yes' ELSE 'no' END AS expected, runs, latency / 1e6 / runs AS mean_seconds, slowest / 1e6 AS slowest_seconds
  FROM rollups;
CREATE VIEW hours_readable AS
  SELECT to_char(to_timestamp(hour / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS hour, location, probe, class, code,
         CASE WHEN expected THEN 'yes' ELSE 'no' END AS expected, runs, latency / 1e6 / runs AS mean_seconds, slowest / 1e6 AS slowest_seconds
  FROM hours;
CREATE VIEW misses_readable AS
  SELECT to_char(to_timestamp(intended / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS intended, location, probe, reason, runs
  FROM misses;
CREATE VIEW reloads_readable AS
  SELECT to_char(to_timestamp(at / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS at FROM reloads;
