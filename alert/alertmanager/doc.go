// Package alertmanager sends incidents to Prometheus's Alertmanager, through its API v2. Several hosts that watch the same API and use the
// same Alertmanager make one alert there, because its labels are the same on all of them.
//
// [Render] makes the alerts of a notification; a [Notifier] posts them to every member of a cluster. Firing alerts are posted again each
// minute, and end soon after the last post. If squarewatch is killed, its alerts end by themselves.
package alertmanager
