// Package database opens the one SQLite file that everything which must outlive the process is kept in, and brings the
// tables of each package up to date. It knows none of those packages.
package database
