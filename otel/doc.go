// Package otel records runs, alerts and deliveries as OpenTelemetry spans and metrics, sends them to a collector over OTLP, and serves the
// metrics to Prometheus.
//
// [New] makes a [Telemetry]. Its [Recorder] receives the results. The spans of a run are written after the run has ended, with their true
// times and with the identifiers that the run sent in its traceparent header. Recording never waits for the collector: spans wait on disk
// (package spool), and metrics are cumulative, so a later export covers a gap. Losses are counted and logged.
//
// Package metric stores the metrics. Package collector makes the exporters.
package otel
