-- +goose Up
-- Equal results in one hour. Every run is in here and in its minute's roll-up; minutes are deleted sooner.
CREATE TABLE hours (
  hour       INTEGER NOT NULL,            -- its start
  probe      TEXT NOT NULL,
  credential TEXT NOT NULL,
  class      TEXT NOT NULL,
  code       INTEGER NOT NULL,
  expected   INTEGER NOT NULL,
  blame      TEXT NOT NULL,
  runs       INTEGER NOT NULL,
  latency    INTEGER NOT NULL,            -- sum, in microseconds
  slowest    INTEGER NOT NULL,            -- in microseconds
  PRIMARY KEY (hour, probe, credential, class, code, expected, blame)
) WITHOUT ROWID;
INSERT INTO hours SELECT minute / 3600000000 * 3600000000 AS hour, probe, credential, class, code, expected, blame,
  sum(runs), sum(latency), max(slowest) FROM rollups GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE VIEW hours_readable AS
  SELECT strftime('%Y-%m-%d %H:%M', hour / 1e6, 'unixepoch') AS hour, probe, class, code,
         CASE expected WHEN 1 THEN 'yes' ELSE 'no' END AS expected, runs, latency / 1e6 / runs AS mean_seconds, slowest / 1e6 AS slowest_seconds
  FROM hours;
