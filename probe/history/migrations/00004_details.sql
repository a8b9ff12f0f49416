-- +goose Up
-- The attempts and phases of a run: of every unexpected one, and of some healthy ones to compare with.
ALTER TABLE runs ADD COLUMN detail TEXT;              -- JSON; times are in microseconds since the start of the run; NULL for most runs
CREATE INDEX runs_by_trace ON runs (trace) WHERE detail IS NOT NULL;
CREATE INDEX misses_by_probe ON misses (probe, intended);

DROP VIEW runs_readable;
CREATE VIEW runs_readable AS
  SELECT strftime('%Y-%m-%d %H:%M:%f', ended / 1e6, 'unixepoch') AS at, probe, class, code,
         CASE expected WHEN 1 THEN 'yes' ELSE 'no' END AS expected, latency / 1e6 AS seconds, blame, reason, excerpt,
         lower(hex(trace)) AS trace_id, evidence, settle, detail
  FROM runs;
