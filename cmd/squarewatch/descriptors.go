package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"squarewatch/config"
)

// A process without a free descriptor can notify nobody. A message over https needs two at the same time: for the look-ups of IPv4 and
// IPv6, then for the connection and the file of the system's certificates. Even a moment without one lasts: crypto/x509 reads that file
// once, and keeps its error until the process ends (initSystemRoots in https://github.com/golang/go/blob/master/src/crypto/x509/root.go),
// and a name is "not found" while /etc/hosts cannot be opened. Probes take all descriptors that there are when their target hangs. Some are
// therefore kept from them, for notifiers, collector, database, files and pages.
//
// No connection is counted. The kernel gives a new descriptor the lowest number that is free ("File Descriptor Allocation" in
// https://pubs.opengroup.org/onlinepubs/9799919799/functions/V2_chap02.html). A socket with one of the highest numbers therefore shows that
// all lower ones are in use, whoever uses them. A probe that closes it at once leaves the highest numbers to the others.
const (
	keptShare  = 4   // one of so many descriptors is kept from probes
	pagesShare = 10  // one of so many descriptors is for the port, and as many for the socket; both together are fewer than those kept
	mostKept   = 320 // twice maxConnections, and 64 for the rest

	// ownDescriptors are open before the first probe: standard streams, port and socket, event queue, database, service manager.
	ownDescriptors = 16
)

// descriptorLimit returns how many descriptors this process may open. It can change: prlimit(1).
func descriptorLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// keptDescriptors returns how many descriptors probes leave to others.
func keptDescriptors(limit uint64) uint64 { return min(limit/keptShare, mostKept) }

// connectionsOf returns how many connections the port may have, and as many the socket.
func connectionsOf(limit uint64) int { return int(max(1, min(limit/pagesShare, maxConnections))) }

// keepDescriptors is the Control of probes. It refuses a socket that is one of the kept descriptors, with the error that the kernel returns
// when there are none. The run then counts as our own shortage.
func keepDescriptors(_, _ string, socket syscall.RawConn) error {
	return keepFrom(descriptorLimit(), socket)
}

// keepFrom is keepDescriptors for a process with a limit.
func keepFrom(limit uint64, socket syscall.RawConn) error {
	var number uint64
	if err := socket.Control(func(fd uintptr) { number = uint64(fd) }); err != nil {
		return err
	}
	kept := keptDescriptors(limit)
	if number < limit-kept {
		return nil
	}
	return fmt.Errorf("%d of %d descriptors are kept for messages: %w", kept, limit, os.NewSyscallError("socket", syscall.EMFILE))
}

// warnOfDescriptors logs when there are fewer descriptors for probes than runs at the same time. Each run needs one.
func warnOfDescriptors(logger *slog.Logger, limit uint64, cfg *config.Config) {
	runs := min(len(cfg.Probes), cfg.Limits.Concurrency, cfg.Limits.PerHost)
	if uint64(runs)+keptDescriptors(limit)+ownDescriptors > limit {
		logger.Warn("the limit of open descriptors is low: some runs may not count, as trouble of squarewatch itself",
			"limit", limit, "kept_for_messages", keptDescriptors(limit), "runs_at_the_same_time", runs,
			"fix", "raise LimitNOFILE= of the service, or lower limits.concurrency")
	}
}
