package main

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	"squarewatch/config"
	"squarewatch/probe/database"
)

// runtimeDirectory is the directory that the unit creates with RuntimeDirectory=. The directory of an instance ends in a dash and the
// instance's name.
const runtimeDirectory = "/run/squarewatch"

// socketName returns the name of the socket of the daemon that listens at an address. The address tells the daemons of a machine apart.
func socketName(listen string) string {
	return "squarewatch-" + strings.NewReplacer("/", "", "[", "", "]", "").Replace(listen) + ".sock"
}

// socketPatience limits how long the start waits for the directory of the socket.
const socketPatience = time.Second

// openSocket opens the socket for changes: in the service manager's runtime directory, else in state_dir. Without either, or after a
// failure, there is no socket, and changes need the token. A daemon whose options have a listener has no socket.
func (d *Daemon) openSocket(ctx context.Context, cfg *config.Config) net.Listener {
	directory := cfg.StateDir
	if d.options.RuntimeDirectory != "" {
		directory = d.options.RuntimeDirectory
	}
	if directory == "" || d.options.Listener != nil {
		return nil
	}
	listen := cfg.Listen
	if _, port, err := net.SplitHostPort(listen); err == nil && port == "0" {
		listen = d.Addr().String()
	}
	var socket net.Listener
	call := database.Go(func() (err error) { // the directory may be on a disk that hangs
		socket, err = listenOnSocket(ctx, filepath.Join(directory, socketName(listen)))
		return err
	})
	if err := call.Wait(socketPatience); err != nil {
		d.options.Logger.WarnContext(ctx, "cannot open the socket; the command line can make no changes without web.token", "error", err)
		return nil
	}
	return socket
}

// sockets returns the paths at which the daemon of a configuration may have its socket.
func sockets(cfg *config.Config) []string {
	name := socketName(cfg.Listen)
	paths := []string{filepath.Join(runtimeDirectory, name)}
	instances, _ := filepath.Glob(filepath.Join(runtimeDirectory+"-*", name)) // the pattern is valid
	paths = append(paths, instances...)
	if cfg.StateDir != "" {
		paths = append(paths, filepath.Join(cfg.StateDir, name))
	}
	return paths
}

// dialDaemon returns a function that connects a command to the daemon: over the socket if this user may use it, else over the port.
func dialDaemon(cfg *config.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		for _, path := range sockets(cfg) {
			if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
				return conn, nil
			}
		}
		return dialer.DialContext(ctx, network, address)
	}
}
