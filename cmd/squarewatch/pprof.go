package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"
)

// serveProfiles serves the profiles of net/http/pprof until ctx ends. They show how the program works and what it costs, so
// that only this machine may read them. It returns what waits for the end.
func serveProfiles(ctx context.Context, address string, logger *slog.Logger) (wait func(), err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError{fmt.Errorf("--pprof is %q: write an address of this machine, for example 127.0.0.1:6060", address)}
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, usageError{fmt.Errorf("--pprof is %q, which others can reach: write a loopback address, for example 127.0.0.1:6060", address)}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for profiles: %w; stop what uses the port, or give another one to --pprof", address, err)
	}
	server := &http.Server{
		Handler: profiles(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.ErrorContext(ctx, "profiles are no longer served", "error", err)
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	logger.InfoContext(ctx, "profiles are served", "address", "http://"+listener.Addr().String()+"/debug/pprof/")
	return func() {
		stop()
		_ = server.Close()
		<-ended
	}, nil
}

// profiles are on a mux of their own: what the package adds to the default one at its import is served by nobody.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
