//go:build diagnosis

package diagnosis_test

import (
	"net/http"
	"time"
)

// The bodies of the API's own errors.
const (
	dbGone     = `{"detail": "OperationalError: too many connections"}`
	djangoPage = "<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Server Error (500)</title>\n</head>\n<body>\n" +
		"  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)

// djangoError is the page that Django answers with when a view fails and DEBUG is off.
func djangoError(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(djangoPage))
}

// serverRows are faults of the API itself.
func serverRows() []row {
	broken := jsonAnswer(500, dbGone)
	known := setup{connectivity: true}
	wide := setup{wide: true}
	return []row{
		{name: "500 everywhere", harm: answers(all, 1, broken), want: []culprit{api}},
		{name: "500 at one endpoint", harm: answers(path(feedPath), 1, broken), want: []culprit{api}},
		{name: "500 for some runs everywhere", harm: answers(all, some, broken), want: []culprit{api}},
		{name: "500 for some runs at one endpoint", harm: answers(path(collectionsPath), some, broken), want: []culprit{api}},
		{name: "500 as Django's own page", hard: true, harm: answers(all, 1, djangoError), want: []culprit{api}},
		{name: "500 for everybody who signs in", harm: answers(refused, 1, broken), want: []culprit{api}},
		{name: "500 for all that writes to the database", harm: answers(path(permissionPath, metricsPath), 1, broken), want: []culprit{api}},
		{
			name: "one outage that reaches endpoint after endpoint", ref: "D10", hard: true, want: []culprit{api},
			harm: both(
				answers(path(feedPath), 1, broken),
				later(700*time.Millisecond, answers(path(collectionsPath), 1, broken)),
				later(1400*time.Millisecond, answers(path(bookingsPath, metricsPath), 1, broken)),
				later(2100*time.Millisecond, answers(all, 1, broken)),
			),
		},
		{
			name: "one outage of everything, told by a bot", ref: "D10", setup: setup{bot: true}, harm: answers(all, 1, broken),
			want: []culprit{api},
		},
		{
			name: "one outage with 500, 503 and silence", ref: "D10", hard: true, want: []culprit{api}, setup: known,
			harm: both(
				answers(path(feedPath, permissionPath), 1, broken),
				answers(path(collectionsPath), 1, jsonAnswer(503, `{"detail": "Service temporarily unavailable, try again later."}`)),
				answers(path(bookingsPath, metricsPath), 1, slowly(5*time.Second)),
			),
		},
		{name: "every answer is too slow", harm: answers(all, 1, slowly(5*time.Second)), setup: known, want: []culprit{api}},
		{name: "one endpoint is too slow", harm: answers(path(feedPath), 1, slowly(5*time.Second)), want: []culprit{api}},
		{
			name: "some answers are too slow", hard: true, harm: answers(all, some, slowly(5*time.Second)), setup: known,
			want: []culprit{api},
		},
		{name: "answers are cut short", harm: answers(all, some, cut), setup: known, want: []culprit{api, gateway}},
		{
			name: "one endpoint answers other JSON", setup: wide, want: []culprit{api},
			harm: answers(path(feedPath), 1, jsonAnswer(200, `{"items": []}`)),
		},
		{
			name: "a release without any path", setup: wide, want: []culprit{api},
			harm: answers(except(permissionPath), 1, jsonAnswer(404, `{"detail": "Not found."}`)),
		},
		{
			name: "one endpoint wants another request", setup: wide, want: []culprit{api},
			harm: answers(path(metricsPath), 1, jsonAnswer(400, `{"publication_url": ["This field is required."]}`)),
		},
		{
			name: "the API throttles us", setup: wide, want: []culprit{api, unknown}, hard: true,
			harm: answers(refused, 1, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "42")
				jsonAnswer(429, `{"detail": "Request was throttled. Expected available in 42 seconds."}`)(w, r)
			}),
		},
		{
			name: "every path moved to another host", setup: wide, want: []culprit{api, gateway}, hard: true,
			harm: answers(all, 1, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://api2.aisquare.test"+r.URL.Path, http.StatusMovedPermanently)
			}),
		},
	}
}
