package main

import (
	"fmt"
	"net/http"
)

// mux serves metrics and health. It is read-only.
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
		_, _ = fmt.Fprintln(w, "squarewatch is ready")
	})
	return mux
}
