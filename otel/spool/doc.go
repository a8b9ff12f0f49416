// Package spool keeps spans on disk until a collector has taken them, so that they survive a collector that is away and
// the sudden death of this process.
//
// [New] puts a [Client] around a client of OTLP. Every batch is written to a file of its own first and sent from there, one
// path for good days and bad: what is lost when the process is killed is what the SDK had not handed over yet. Batches
// arrive in order and at least once; what the directory cannot hold is dropped, oldest first, and counted.
//
// There is no fsync: the files survive the process, not the power supply. What a power cut leaves half written is found
// by its checksums and set aside.
package spool
