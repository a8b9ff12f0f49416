// Package alertmanager sends incidents to Prometheus's Alertmanager, through its API v2. Several hosts can watch the same API and use the
// same Alertmanager. Their alerts have the same labels, so Alertmanager shows one.
//
// [Render] makes the alerts of a notification; a [Notifier] posts them to every member of a cluster. Firing alerts are posted again each
// minute, and end soon after the last post. If squarewatch is killed, its alerts end by themselves.
package alertmanager
