package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The limits of the port and of the socket. Each time limits how long a client may take to send or receive something.
const (
	maxConnections    = 128      // fewer when the process may open few descriptors; see connectionsOf
	maxScrapes        = 8        // for 10,000 probes each holds about ten megabytes until it is written
	maxPages          = 64       // for viewers who ask at the same time; with 10,000 incidents, a page has three megabytes
	maxHeader         = 16 << 10 // bytes
	headerTimeout     = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 2 * time.Minute // a reload may take long
	keepAliveDuration = time.Minute     // without a request
)

// newServer returns a server with all limits set. Each server has its own connections and its own handlers, so an attack on the port leaves
// the socket usable.
func (d *Daemon) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: keepAliveDuration,
		MaxHeaderBytes: maxHeader, ConnState: newConnectionLimit(connectionsOf(descriptorLimit())).observe, ConnContext: d.withPeer,
		ErrorLog: slog.NewLogLogger(d.options.Logger.Handler(), slog.LevelWarn),
	}
}

// serve answers requests over the port and, if there is one, over the socket, until the returned function is called.
func (d *Daemon) serve(ctx context.Context, services *sync.WaitGroup) (shutdown func(context.Context) error) {
	servers := map[net.Listener]*http.Server{d.listener: d.newServer(d.fromAllowedHost(d.limited()))}
	if d.socket != nil {
		servers[d.socket] = d.newServer(d.limited())
	}
	for listener, server := range servers {
		services.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				d.options.Logger.ErrorContext(ctx, "the HTTP server ended; metrics and the API are no longer served",
					"address", listener.Addr().String(), "error", err)
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

// limited serves all paths, and limits how many pages are written at the same time.
func (d *Daemon) limited() http.Handler {
	mux := d.mux()
	pages := limitAnswers(mux, maxPages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); first {
		case "", "index.json", "probe", "run", "incident", "rules", "incidents", "incidents.json", "on-call":
			pages.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// mux serves the pages, metrics, health and the API. A request that changes something needs the socket, the token or a login.
func (d *Daemon) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", limitAnswers(d.telemetry.Metrics(), maxScrapes))
	mux.HandleFunc("GET "+healthyPath, func(w http.ResponseWriter, _ *http.Request) {
		if all := d.health.troublesAt(time.Now()); len(all) > 0 {
			http.Error(w, errUnhealthy(all).Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, healthyText)
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !d.ready.Load() {
			http.Error(w, "squarewatch is starting: its schedule is not running yet", http.StatusServiceUnavailable)
			return
		}
		if err := d.storageFault(); err != nil {
			http.Error(w, "squarewatch probes and alerts, but a restart would lose its state: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "squarewatch is ready")
	})
	d.serveAPI(mux)
	d.page.Register(mux)
	return mux
}
