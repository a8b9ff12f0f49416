// Package spool keeps spans on disk until a collector has accepted them, so that they survive an outage of the collector and a crash of
// this process.
//
// [New] wraps an OTLP client in a [Client]. Every batch is first written to a file of its own and then sent from there, whether the
// collector is up or down. A killed process therefore loses only the spans that the SDK had not exported yet. Batches are sent in order
// and at least once. When the directory is full, the oldest batches are dropped and counted.
//
// Files are not synced (fsync): they survive the process, but not always a power failure. Checksums find the files that a power failure
// left incomplete, and such files are set aside.
package spool
