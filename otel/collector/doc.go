// Package collector decides where telemetry is exported to and how the exporters behave: the OTLP settings, the variables of the
// OpenTelemetry specification, and the clients that send spans, metrics and logs to an OpenTelemetry collector.
//
// [OTLP.Destinations] returns a [Destination] for each signal. A destination makes the exporters of the SDK, and adds two rules that
// they lack: a collector that asks for a pause gets it even between exports, and only a collector's response counts as success.
package collector
