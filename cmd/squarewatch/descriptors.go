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

// A process without a free descriptor cannot notify people. A message over https needs two at the same time: for the look-ups of IPv4 and
// IPv6, then for the connection and the file of the system's certificates. A brief shortage can have a lasting effect: crypto/x509 reads
// that file once, and keeps its error until the process ends (initSystemRoots in
// https://github.com/golang/go/blob/master/src/crypto/x509/root.go). A name is "not found" while /etc/hosts cannot be opened. When a target
// hangs, its probes would take all descriptors. Some are therefore kept for notifiers, collector, database, files and pages.
//
// Connections need not be counted. The kernel gives a new descriptor the lowest number that is free ("File Descriptor Allocation" in
// https://pubs.opengroup.org/onlinepubs/9799919799/functions/V2_chap02.html). A socket with one of the highest numbers therefore shows that
// all lower ones are in use. A probe closes such a socket at once, so that the highest numbers stay free for the others.
const (
	keptShare  = 4   // one descriptor in four is kept from probes
	pagesShare = 10  // one in ten is for the port, and one in ten for the socket; both together have fewer than are kept
	mostKept   = 320 // twice maxConnections, and 64 for the rest

	// ownDescriptors are open before the first probe: standard streams, port and socket, event queue, database, service manager.
	ownDescriptors = 16
)

// descriptorLimit returns how many descriptors this process may open. prlimit(1) can change it at any time.
func descriptorLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// keptDescriptors returns how many descriptors probes leave to others.
func keptDescriptors(limit uint64) uint64 { return min(limit/keptShare, mostKept) }

// connectionsOf returns how many connections the port may have. The socket may have as many.
func connectionsOf(limit uint64) int { return int(max(1, min(limit/pagesShare, maxConnections))) }

// keepDescriptors is the Control of probes. It refuses a socket whose number is one of the kept descriptors. Its error is that of the
// kernel when no descriptor is free, so that the run counts as our own shortage.
func keepDescriptors(_, _ string, socket syscall.RawConn) error {
	return keepFrom(descriptorLimit(), socket)
}

// keepFrom does the work of keepDescriptors for a given limit.
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

// warnOfDescriptors logs a warning when probes have fewer descriptors than runs at the same time. Each run needs one.
func warnOfDescriptors(logger *slog.Logger, limit uint64, cfg *config.Config) {
	runs := min(len(cfg.Probes), cfg.Limits.Concurrency, cfg.Limits.PerHost)
	if uint64(runs)+keptDescriptors(limit)+ownDescriptors > limit {
		logger.Warn("the limit of open descriptors is low: runs without a descriptor are not counted",
			"limit", limit, "kept_for_messages", keptDescriptors(limit), "runs_at_the_same_time", runs,
			"fix", "raise LimitNOFILE= of the service, or lower limits.concurrency")
	}
}
