package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/sys/unix"

	"squarewatch/alert/heartbeat"
	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// askHeartbeat sends a request other than a ping to the server of the heartbeat.
func askHeartbeat(ctx context.Context, cfg *config.Config) []liveCheck {
	const what = liveHeartbeat
	status, err := cfg.Heartbeat.Reach(ctx, &http.Client{}, userAgent())
	switch {
	case errors.Is(err, heartbeat.ErrNoPath):
		return []liveCheck{notAsked(what, err.Error())}
	case err != nil:
		return []liveCheck{fails(what, err.Error())}
	}
	return []liveCheck{works(what, fmt.Sprintf("its server answered %d to a request other than a ping; only a ping shows whether "+
		"the server knows the check", status))}
}

// askConnectivity connects to the address of connectivity, as a run without an answer does.
func askConnectivity(ctx context.Context, cfg *config.Config) []liveCheck {
	what := liveConnectivity + " " + cfg.Connectivity.Address
	var route probe.RunnerOptions
	if err := cfg.Network.Route(&route); err != nil {
		return []liveCheck{fails(what, err.Error())}
	}
	connection, err := route.DialConnectivity(ctx, "tcp", cfg.Connectivity.Address)
	if err != nil {
		return []liveCheck{fails(what, err.Error()+"; to do: name an address that nearly always accepts connections, for example 1.1.1.1:53")}
	}
	_ = connection.Close()
	return []liveCheck{works(what, "accepted a connection")}
}

// askSpool checks whether the spool can be written and has room. It writes nothing.
func askSpool(cfg *config.Config) []liveCheck {
	directory := spoolDir(cfg)
	what := liveSpool + " " + directory
	there, err := nearestDirectory(directory)
	switch {
	case errors.Is(err, os.ErrPermission):
		return []liveCheck{notAsked(what, fmt.Sprintf("this user may not write to %s, and the daemon may run as another", there))}
	case err != nil:
		return []liveCheck{fails(what, fmt.Sprintf("%s: %v; to do: name another state_dir", there, err))}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(there, &disk); err != nil {
		return []liveCheck{fails(what, fmt.Sprintf("%s: %v", there, err))}
	}
	free, most := setting.Size(disk.Bavail*uint64(disk.Bsize)), cfg.Telemetry.Spool
	if free < most {
		return []liveCheck{fails(what, fmt.Sprintf("it may take %v, and its disk has %v left; to do: make room, or lower telemetry.spool",
			most, free))}
	}
	return []liveCheck{works(what, fmt.Sprintf("can be written, and may take %v; its disk has %v left", most, free))}
}
