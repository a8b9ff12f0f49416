package slackstub

import (
	"encoding/json"
	"net/http"
)

// SetGroup sets the members of a user group.
func (s *Slack) SetGroup(id string, users ...string) {
	s.set(func() {
		if s.groups == nil {
			s.groups = map[string][]string{}
		}
		s.groups[id] = users
	})
}

// groupMembers is https://docs.slack.dev/reference/methods/usergroups.users.list.
func (s *Slack) groupMembers(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // missing values are refused below
	if word := refuseToken(tokenOf(r, r.Form), BotToken); word != "" {
		answer(w, &reply{Error: word})
		return
	}
	s.mu.Lock()
	users, known := s.groups[r.FormValue("usergroup")]
	s.mu.Unlock()
	if !known {
		answer(w, &reply{Error: "no_such_subteam"})
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "users": users})
}
