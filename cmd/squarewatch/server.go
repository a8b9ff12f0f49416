package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of the port and of the socket. Times are those within which a client must send or take something.
const (
	mostConnections   = 128
	largestHeader     = 16 << 10 // bytes
	headerTimeout     = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 2 * time.Minute // a reload may take long
	keepAliveDuration = time.Minute     // without a request
)

// newServer returns a server with all limits set. An attack on the port does not use up the connections of the socket.
func (d *Daemon) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: keepAliveDuration,
		MaxHeaderBytes: largestHeader, ConnState: newCrowd(mostConnections).observe, ConnContext: d.withPeer,
		ErrorLog: slog.NewLogLogger(d.options.Logger.Handler(), slog.LevelWarn),
	}
}

// serve answers over the port and, if there is one, over the socket, until the returned function is called.
func (d *Daemon) serve(ctx context.Context, services *sync.WaitGroup) (shutdown func(context.Context) error) {
	mux := d.mux()
	servers := map[net.Listener]*http.Server{d.listener: d.newServer(d.fromAllowedHost(mux))}
	if d.socket != nil {
		servers[d.socket] = d.newServer(mux)
	}
	for listener, server := range servers {
		services.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				d.options.Logger.ErrorContext(ctx, "the pages are no longer served", "address", listener.Addr().String(), "error", err)
			}
		})
	}
	return func(ctx context.Context) error {
		var faults []error
		for _, server := range servers {
			faults = append(faults, server.Shutdown(ctx))
		}
		return errors.Join(faults...)
	}
}

// mux serves metrics, health and the API. It is read-only, but for silences and reloads, which need the socket or the token.
func (d *Daemon) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.telemetry.Metrics())
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "squarewatch is healthy")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !d.ready.Load() {
			http.Error(w, "squarewatch is starting: the first schedule is not armed yet", http.StatusServiceUnavailable)
			return
		}
		if err := d.forgetful(); err != nil {
			http.Error(w, "squarewatch probes and alerts, but would forget it at a restart: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "squarewatch is ready")
	})
	d.serveAPI(mux)
	return mux
}
