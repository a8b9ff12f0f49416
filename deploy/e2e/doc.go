// Package e2e runs the built daemon against real parts: a real Jaeger, Prometheus and Alertmanager, real sockets, systemd's own tools, a
// strict stand-in for Slack, and models of Slack that others wrote. Its tests need the build tag e2e; `make e2e` installs what they need
// and runs them.
package e2e
