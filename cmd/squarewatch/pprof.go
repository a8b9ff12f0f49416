package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"squarewatch/config/setting"
)

// serveProfiles serves the profiles of net/http/pprof until ctx ends, to this machine only. The returned function stops the server and
// waits for its end.
func serveProfiles(ctx context.Context, address string, logger *slog.Logger) (wait func(), err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError{fmt.Errorf("--pprof is %q: write a loopback address, for example 127.0.0.1:6060", address)}
	}
	if !setting.IsLoopback(host) {
		return nil, usageError{fmt.Errorf("--pprof is %q, which others can reach: write a loopback address, for example 127.0.0.1:6060", address)}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for profiles: %w; stop the program that uses the port, or name another one with --pprof",
			address, err)
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

// profiles uses a separate mux. The default mux, to which the package adds its handlers at import, is not served.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
