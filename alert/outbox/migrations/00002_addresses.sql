-- +goose Up
-- A receipt belongs to the place that received the message, and not only to the notifier's name. The address of older rows is not known:
-- it is empty, and the notifier's address in the configuration is taken for it.

CREATE TABLE received (
  notifier TEXT NOT NULL,
  address  TEXT NOT NULL,                    -- a fingerprint of where the notifier's messages went
  incident TEXT NOT NULL,
  ref      TEXT NOT NULL,                    -- the message, in the notifier's own terms
  event    TEXT NOT NULL,
  at       TEXT NOT NULL,
  payload  TEXT NOT NULL,                    -- JSON: the incident
  PRIMARY KEY (notifier, address, incident)
);
INSERT INTO received SELECT notifier, '', incident, ref, event, at, payload FROM told;
DROP TABLE told;
ALTER TABLE received RENAME TO told;

ALTER TABLE outbox ADD COLUMN address TEXT NOT NULL DEFAULT '';
