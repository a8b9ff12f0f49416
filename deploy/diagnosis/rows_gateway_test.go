//go:build diagnosis

package diagnosis_test

import "net/http"

// gatewayRows are faults of what stands before the API and answers for it.
func gatewayRows() []row {
	wide := setup{wide: true}
	basic := pageAnswer(401, "401 Authorization Required", "WWW-Authenticate", `Basic realm="staging"`)
	maintenance := pageAnswer(200, "We will be back soon")
	firewall := pageAnswer(403, "Attention Required! | Firewall", "Server", "firewall")
	return []row{
		{
			name: "502 from a gateway everywhere", ref: "D17", want: []culprit{gateway}, never: "reached the API",
			harm: answers(all, 1, pageAnswer(502, "502 Bad Gateway")),
		},
		{
			name: "503 from a gateway with Retry-After", ref: "D17", want: []culprit{gateway}, says: "120 ?s|2 ?m",
			harm: answers(all, 1, pageAnswer(503, "503 Service Temporarily Unavailable", "Retry-After", "120")),
		},
		{name: "504 from a gateway for some runs", harm: answers(all, some, pageAnswer(504, "504 Gateway Time-out")), want: []culprit{gateway}},
		{name: "502 from a gateway at one route", harm: answers(path(feedPath), 1, pageAnswer(502, "502 Bad Gateway")), want: []culprit{gateway}},
		{
			name: "503 from a load balancer without a body", hard: true, want: []culprit{gateway},
			harm: answers(all, 1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }),
		},
		{
			name: "502 in JSON from a gateway", hard: true, want: []culprit{gateway},
			harm: answers(all, 1, jsonAnswer(502, `{"message": "An invalid response was received from the upstream server"}`)),
		},
		{name: "521 from a content network", harm: answers(all, 1, pageAnswer(521, "521: Web server is down")), want: []culprit{gateway}},
		{name: "a maintenance page instead of the site", ref: "D2", setup: wide, harm: answers(all, 1, maintenance), want: []culprit{gateway}},
		{name: "a maintenance page, default rules", ref: "D2", hard: true, harm: answers(all, 1, maintenance), want: []culprit{gateway}},
		{
			name: "a maintenance page for some runs", ref: "D2", hard: true, setup: wide, harm: answers(all, some, maintenance),
			want: []culprit{gateway},
		},
		{
			name: "a page at the guarded path alone", ref: "D2", hard: true, setup: wide, want: []culprit{gateway},
			harm: answers(path(collectionsPath), 1, maintenance),
		},
		{
			name: "a gateway wants a password", ref: "D6", hard: true, harm: answers(all, 1, basic), want: []culprit{gateway},
			never: "credential none",
		},
		{name: "a gateway wants a password for some runs", ref: "D6", hard: true, harm: answers(all, some, basic), want: []culprit{gateway}},
		{
			name: "a gateway wants a password where a key is sent", ref: "D6", hard: true, harm: answers(refused, 1, basic),
			want: []culprit{gateway},
		},
		{name: "a firewall refuses everything", setup: wide, harm: answers(all, 1, firewall), want: []culprit{gateway}},
		{
			name: "a firewall refuses what carries a key", hard: true, setup: wide, harm: answers(refused, 1, firewall),
			want: []culprit{gateway},
		},
		{
			name: "a captive portal", hard: true, setup: wide, want: []culprit{gateway, network},
			harm: answers(all, 1, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://portal.example.org/login", http.StatusFound)
			}),
		},
		{
			name: "a gateway limits our requests", setup: wide, want: []culprit{gateway},
			harm: answers(all, 1, pageAnswer(429, "429 Too Many Requests")),
		},
		{
			name: "a gateway drops the Authorization header", hard: true, want: []culprit{gateway, api},
			harm: answers(refused, 1, jsonAnswer(401, `{"detail": "Authentication credentials were not provided."}`)),
		},
	}
}
