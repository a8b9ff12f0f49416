-- +goose Up
-- Times are UTC texts of the same width, so that they sort and are readable.

-- One row for each incident.
CREATE TABLE incidents (
  id              TEXT PRIMARY KEY,
  rule            TEXT NOT NULL,
  series          TEXT NOT NULL,
  severity        TEXT NOT NULL,
  state           TEXT NOT NULL,             -- firing, resolved or ended
  since           TEXT NOT NULL,             -- when the problem began: its first bad run
  fired           TEXT NOT NULL,
  resolved        TEXT NOT NULL DEFAULT '',
  announced       INTEGER NOT NULL,          -- whether FIRING was announced
  owed            INTEGER NOT NULL,          -- whether its end must be announced when a silence ends
  acknowledged_by TEXT NOT NULL DEFAULT '',
  series_state    TEXT NOT NULL,             -- JSON: what the engine continues from
  incident        TEXT NOT NULL              -- JSON: as last announced
);
CREATE INDEX incidents_by_state ON incidents (state, resolved);

-- Messages that are not delivered yet.
CREATE TABLE outbox (
  id       TEXT PRIMARY KEY,
  notifier TEXT NOT NULL,
  incident TEXT NOT NULL,
  rule     TEXT NOT NULL,
  series   TEXT NOT NULL,
  event    TEXT NOT NULL,
  at       TEXT NOT NULL,                    -- of the change
  first    TEXT NOT NULL,                    -- of the first change that it includes
  folded   INTEGER NOT NULL,                 -- number of earlier changes that it includes
  digest   TEXT NOT NULL DEFAULT '',
  payload  TEXT NOT NULL                     -- JSON: the incident
);

-- What each notifier's destination received last of an incident.
CREATE TABLE told (
  notifier TEXT NOT NULL,
  incident TEXT NOT NULL,
  ref      TEXT NOT NULL,                    -- the message, in the notifier's own terms
  event    TEXT NOT NULL,
  at       TEXT NOT NULL,
  payload  TEXT NOT NULL,                    -- JSON: the incident
  PRIMARY KEY (notifier, incident)
);

CREATE TABLE silences (
  id      TEXT PRIMARY KEY,
  until   TEXT NOT NULL,
  payload TEXT NOT NULL                      -- JSON
);
