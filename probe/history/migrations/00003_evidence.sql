-- +goose Up
-- Why the blame of a run is known, and what would settle it where it is not.
ALTER TABLE runs ADD COLUMN evidence TEXT;            -- JSON: a list of {for, text, at}; NULL where there is none
ALTER TABLE runs ADD COLUMN settle TEXT;              -- NULL where there is nothing to settle

DROP VIEW runs_readable;
CREATE VIEW runs_readable AS
  SELECT strftime('%Y-%m-%d %H:%M:%f', ended / 1e6, 'unixepoch') AS at, probe, class, code,
         CASE expected WHEN 1 THEN 'yes' ELSE 'no' END AS expected, latency / 1e6 AS seconds, blame, reason, excerpt,
         lower(hex(trace)) AS trace_id, evidence, settle
  FROM runs;
