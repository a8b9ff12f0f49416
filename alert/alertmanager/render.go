package alertmanager

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/setting"
)

const (
	// refreshEvery is how often firing alerts are posted again.
	refreshEvery = time.Minute
	// expireAfter is how long an alert stays at Alertmanager without another post. It is long enough for a few posts to be lost.
	expireAfter = 4 * refreshEvery
	// testLasts is how long the alert of a test fires.
	testLasts = time.Minute
	// testName is the name of a test's alert.
	testName = "squarewatch-test"
)

// Render makes the alerts of a notification that is delivered at now, one for each of its incidents. The result depends on
// the arguments only.
func Render(n outbox.Notification, settings Settings, options Options, now time.Time) []model.Alert {
	now = now.UTC().Round(0)
	if n.Event == alert.EventTest {
		return []model.Alert{test(&n, settings, options, now)}
	}
	alerts := []model.Alert{render(&n.Incident, &n, settings, options, now)}
	for i := range n.Others {
		alerts = append(alerts, render(&n.Others[i], &n, settings, options, now))
	}
	return alerts
}

func render(i *alert.Incident, n *outbox.Notification, settings Settings, options Options, now time.Time) model.Alert {
	begin, end := i.Since.UTC().Round(0), now.Add(expireAfter)
	if i.Since.IsZero() {
		begin = n.At.UTC().Round(0)
	}
	// While our own network fails, squarewatch usually cannot post. So it posts the failure after its end. Alertmanager does not report the
	// end of an alert that it never saw firing. So this failure is posted as a firing alert that expires soon.
	if !i.Resolved.IsZero() && conditionOf(i) != alert.ConditionNetwork {
		end = i.Resolved.UTC().Round(0)
	}
	if begin.After(end) { // the clock was set back; Alertmanager refuses an end before the beginning
		begin = end
	}
	return model.Alert{
		Labels: labels(i, settings.Labels, options.Target), Annotations: annotations(i, n.At, options),
		StartsAt: begin, EndsAt: end, GeneratorURL: cmp.Or(webAddress(options.Site.Incident(i.ID)), newestTrace(i, options.TraceURL)),
	}
}

// test returns the alert of a test message. It belongs to no incident.
func test(n *outbox.Notification, settings Settings, options Options, now time.Time) model.Alert {
	set := labels(&alert.Incident{Rule: testName, Severity: alert.Info, Series: n.Notifier}, settings.Labels, options.Target)
	return model.Alert{Labels: set, StartsAt: now, EndsAt: now.Add(testLasts), Annotations: model.LabelSet{
		"summary": "squarewatch can post here", "description": "This is a test. No action is needed.",
	}}
}

// newestTrace returns the address of the trace of the newest bad run; empty when there is none that Alertmanager accepts.
func newestTrace(i *alert.Incident, pattern string) string {
	for e := range i.Examples {
		if i.Examples[e].Trace.IsValid() {
			return webAddress(strings.ReplaceAll(pattern, "{trace_id}", i.Examples[e].Trace.String()))
		}
	}
	return ""
}

// newestRun returns the address of the page of the newest bad run; empty when there is none that Alertmanager accepts.
func newestRun(i *alert.Incident, site setting.Site) string {
	for e := range i.Examples {
		if i.Examples[e].Trace.IsValid() {
			return webAddress(site.Run(i.Examples[e].Trace.String()))
		}
	}
	return ""
}

// webAddress returns text as an http or https address, with < and > escaped. It returns nothing for other text, or for an address that is
// too long.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(text) > cutText {
		return ""
	}
	return strings.NewReplacer("<", "%3C", ">", "%3E").Replace(u.String())
}
