// Package otel records what probing and alerting came to as OpenTelemetry spans and metrics, sends them over OTLP, and
// serves the metrics to Prometheus.
//
// [New] makes a [Telemetry], whose [Recorder] is handed to whoever produces results. Spans are written after a run has
// ended, with their true times and with the identifiers that the run sent out in its traceparent. Nothing here waits for
// a collector: spans wait on disk for it (package spool), metrics are cumulative and need not, and what is lost is said once.
package otel
