-- +goose Up
-- What was delivered of an incident, and where. Kept as long as the incident.
CREATE TABLE deliveries (
  incident  TEXT NOT NULL,
  notifier  TEXT NOT NULL,
  event     TEXT NOT NULL,                   -- as the destination saw it
  queued    TEXT NOT NULL,                   -- when the first change in the message happened
  delivered TEXT NOT NULL,
  took      INTEGER NOT NULL,                -- of the attempt that succeeded, in microseconds
  attempts  INTEGER NOT NULL,                -- of the process that delivered it
  ref       TEXT NOT NULL                    -- the message, in the notifier's own terms
);
CREATE INDEX deliveries_by_incident ON deliveries (incident, delivered);

-- What people wrote about an incident. Kept as long as the incident.
CREATE TABLE notes (
  incident TEXT NOT NULL,
  at       TEXT NOT NULL,
  author   TEXT NOT NULL,
  text     TEXT NOT NULL
);
CREATE INDEX notes_by_incident ON notes (incident, at);
