-- +goose Up
-- The table has the name that the code has for its rows.
ALTER TABLE told RENAME TO receipts;
