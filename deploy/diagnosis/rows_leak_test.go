//go:build diagnosis

package diagnosis_test

import "net/http"

// leakRows are access that must not be, and what looks like it.
func leakRows() []row {
	wide := setup{wide: true}
	guarded := withoutKey(collectionsPath)
	page := jsonAnswer(200, `{"count": 1, "next": null, "previous": null, "results": [{"id": 7, "name": "Secret"}]}`)
	return []row{
		{name: "strangers are let in", harm: answers(guarded, 1, page), want: []culprit{leak}},
		{name: "strangers are let in by some nodes", ref: "D3", hard: true, harm: answers(guarded, 0.4, page), want: []culprit{leak}},
		{
			name: "strangers are let in by some nodes, told by a bot", ref: "D3", hard: true, setup: setup{bot: true},
			harm: answers(guarded, 0.4, page), want: []culprit{leak},
		},
		{name: "strangers are rarely let in", ref: "D3", hard: true, harm: answers(guarded, 0.2, page), want: []culprit{leak}},
		{
			name: "strangers are let in to an empty list", hard: true, want: []culprit{leak},
			harm: answers(guarded, 1, jsonAnswer(200, `{"count": 0, "next": null, "previous": null, "results": []}`)),
		},
		{name: "strangers are let in, and the answer is cut", hard: true, harm: answers(guarded, 1, cut), want: []culprit{leak}},
		{name: "the guarded endpoint fails", harm: answers(guarded, 1, jsonAnswer(500, dbGone)), want: []culprit{api}},
		{
			name: "strangers are sent to a login page", hard: true, setup: wide, want: []culprit{api, gateway},
			harm: answers(guarded, 1, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/accounts/login/?next="+r.URL.Path, http.StatusFound)
			}),
		},
		{
			name: "strangers get a sign-in page with 200", ref: "D2", hard: true, setup: wide, want: []culprit{gateway, api},
			harm: answers(guarded, 1, pageAnswer(200, "Sign in")),
		},
	}
}
