package main

import (
	"fmt"
	"net/http"
	"time"
)

// mux serves metrics, health and the API. Silences and reloads are the only changes; they need a request from this machine, or a token.
func (d *Daemon) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.telemetry.Metrics())
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		if all := d.health.verdict(time.Now()); len(all) > 0 {
			http.Error(w, errUnhealthy(all).Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "squarewatch is healthy")
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
	return mux
}
