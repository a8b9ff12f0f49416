package slackstub

import "net/http"

// authTest answers the method auth.test: https://docs.slack.dev/reference/methods/auth.test.
func (s *Slack) authTest(w http.ResponseWriter, r *http.Request) {
	f := s.fault()
	if s.fail(w, &f) {
		return
	}
	_ = r.ParseForm() // refuseToken refuses a missing token
	if word := refuseToken(tokenOf(r, r.Form), BotToken); word != "" {
		answer(w, &reply{Error: word})
		return
	}
	answer(w, &reply{OK: true, URL: "https://stub.slack.com/"})
}
