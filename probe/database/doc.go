// Package database opens the SQLite file for all state that must survive a restart, and migrates the tables of each package. It
// does not know those packages.
package database
