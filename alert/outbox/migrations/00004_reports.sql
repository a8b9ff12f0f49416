-- +goose Up
-- Reports that were due at regular times, one row for each notifier. A row stays after its report has left the queue, so that the next start
-- knows which reports were queued.
CREATE TABLE reports (
  due      TEXT NOT NULL,                    -- when the report was due
  notifier TEXT NOT NULL,
  address  TEXT NOT NULL,                    -- a fingerprint of where the notifier's messages go
  state    TEXT NOT NULL,                    -- waiting, delivered or dropped
  payload  TEXT NOT NULL,                    -- JSON: title and paragraphs
  PRIMARY KEY (due, notifier)
);
