-- +goose Up
-- The tables of ../00001_alerts.sql to 00005_receipts.sql, as PostgreSQL has them: yes and no are BOOLEAN, numbers are BIGINT, and texts
-- compare by their bytes (COLLATE "C"), as in SQLite. rowid numbers the rows in the order in which they were inserted, as SQLite does by
-- itself. Times are UTC texts of the same width. Unique keys make it harmless to write a batch again whose commit was not confirmed.
-- https://www.postgresql.org/docs/13/collation.html, https://www.postgresql.org/docs/13/sql-createtable.html (GENERATED AS IDENTITY)

CREATE TABLE incidents (
  id              TEXT PRIMARY KEY,
  rule            TEXT NOT NULL,
  series          TEXT NOT NULL,
  severity        TEXT NOT NULL,
  state           TEXT NOT NULL,
  since           TEXT COLLATE "C" NOT NULL,
  fired           TEXT COLLATE "C" NOT NULL,
  resolved        TEXT COLLATE "C" NOT NULL DEFAULT '',
  announced       BOOLEAN NOT NULL,
  owed            BOOLEAN NOT NULL,
  acknowledged_by TEXT NOT NULL DEFAULT '',
  series_state    TEXT NOT NULL,
  incident        TEXT NOT NULL
);
CREATE INDEX incidents_by_state ON incidents (state, resolved);

CREATE TABLE outbox (
  id       TEXT PRIMARY KEY,
  rowid    BIGINT GENERATED ALWAYS AS IDENTITY,
  notifier TEXT NOT NULL,
  address  TEXT NOT NULL DEFAULT '',
  incident TEXT NOT NULL,
  rule     TEXT NOT NULL,
  series   TEXT NOT NULL,
  event    TEXT NOT NULL,
  at       TEXT COLLATE "C" NOT NULL,
  first    TEXT COLLATE "C" NOT NULL,
  folded   BIGINT NOT NULL,
  digest   TEXT NOT NULL DEFAULT '',
  payload  TEXT NOT NULL
);

CREATE TABLE receipts (
  notifier TEXT NOT NULL,
  address  TEXT NOT NULL,
  incident TEXT NOT NULL,
  ref      TEXT NOT NULL,
  event    TEXT NOT NULL,
  at       TEXT COLLATE "C" NOT NULL,
  payload  TEXT NOT NULL,
  PRIMARY KEY (notifier, address, incident)
);

CREATE TABLE silences (
  id      TEXT PRIMARY KEY,
  until   TEXT COLLATE "C" NOT NULL,
  payload TEXT NOT NULL
);

CREATE TABLE deliveries (
  incident  TEXT NOT NULL,
  rowid     BIGINT GENERATED ALWAYS AS IDENTITY,
  notifier  TEXT NOT NULL,
  event     TEXT NOT NULL,
  queued    TEXT COLLATE "C" NOT NULL,
  delivered TEXT COLLATE "C" NOT NULL,
  took      BIGINT NOT NULL,
  attempts  BIGINT NOT NULL,
  ref       TEXT NOT NULL,
  PRIMARY KEY (incident, delivered, notifier, event)
);

CREATE TABLE notes (
  incident TEXT NOT NULL,
  rowid    BIGINT GENERATED ALWAYS AS IDENTITY,
  at       TEXT COLLATE "C" NOT NULL,
  author   TEXT NOT NULL,
  text     TEXT NOT NULL
);
CREATE UNIQUE INDEX notes_by_incident ON notes (incident, at, author, md5(text));

CREATE TABLE reports (
  due      TEXT COLLATE "C" NOT NULL,
  notifier TEXT NOT NULL,
  address  TEXT NOT NULL,
  state    TEXT NOT NULL,
  payload  TEXT NOT NULL,
  PRIMARY KEY (due, notifier)
);
