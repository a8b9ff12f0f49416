-- +goose Up
-- Since when each API key is in use. The key itself is not stored, only a part of a hash of it.
CREATE TABLE keys (
  credential TEXT PRIMARY KEY,
  salt       BLOB NOT NULL,               -- random
  hash       BLOB NOT NULL,               -- the first 8 bytes of the HMAC-SHA-256 of the key, with the salt as its key
  since      INTEGER NOT NULL
) WITHOUT ROWID;
