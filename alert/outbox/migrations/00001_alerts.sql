-- +goose Up
-- Times are texts in UTC, all of the same width, so that they sort and a person can read them.

-- One row an incident, from firing to its end.
CREATE TABLE incidents (
  id              TEXT PRIMARY KEY,
  rule            TEXT NOT NULL,
  series          TEXT NOT NULL,
  severity        TEXT NOT NULL,
  state           TEXT NOT NULL,             -- firing, resolved or ended
  since           TEXT NOT NULL,             -- when the problem began: its first bad run
  fired           TEXT NOT NULL,
  resolved        TEXT NOT NULL DEFAULT '',
  announced       INTEGER NOT NULL,          -- whether people were told that it fires
  owed            INTEGER NOT NULL,          -- whether people are to be told that it is over when a silence ends
  acknowledged_by TEXT NOT NULL DEFAULT '',
  series_state    TEXT NOT NULL,             -- JSON: what the engine goes on from
  incident        TEXT NOT NULL              -- JSON: as it was told last
);
CREATE INDEX incidents_by_state ON incidents (state, resolved);

-- What notifiers have not delivered yet.
CREATE TABLE outbox (
  id       TEXT PRIMARY KEY,
  notifier TEXT NOT NULL,
  incident TEXT NOT NULL,
  rule     TEXT NOT NULL,
  series   TEXT NOT NULL,
  event    TEXT NOT NULL,
  at       TEXT NOT NULL,                    -- of the change
  first    TEXT NOT NULL,                    -- of the first change that it stands for
  folded   INTEGER NOT NULL,                 -- earlier changes that it stands for
  digest   TEXT NOT NULL DEFAULT '',
  payload  TEXT NOT NULL                     -- JSON: the incident
);

-- What each notifier's destination last heard of an incident, and where.
CREATE TABLE told (
  notifier TEXT NOT NULL,
  incident TEXT NOT NULL,
  ref      TEXT NOT NULL,                    -- the message, as the notifier calls it
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
