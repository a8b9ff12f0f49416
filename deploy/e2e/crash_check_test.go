//go:build e2e

package e2e_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/database"

	_ "modernc.org/sqlite" // to read what the daemon has kept
)

const (
	// slowness is how long Slack delays some answers. It accepts a message even if the daemon was killed while it waited.
	slowness = 300 * time.Millisecond
	// notedWithin bounds the time from Slack's acceptance until the daemon has stored it, on a machine that is busy with other tests.
	notedWithin = 2 * time.Second
)

// repeats counts messages that came twice: because the connection was cut after Slack accepted the first, because the daemon was
// killed before it stored that, and without such a reason.
func (c *crash) repeats(messages []slackstub.Message) (cut, killed, unexplained int) {
	for i := range messages[1:] {
		first := messages[i]
		switch {
		case first.Cut:
			cut++
		case slices.ContainsFunc(c.kills, func(k time.Time) bool { return first.At.Sub(k) < 2*slowness && k.Sub(first.At) < notedWithin }):
			killed++
		default:
			unexplained++
		}
	}
	return cut, killed, unexplained
}

// checkDelivery compares what the daemon has stored with what Slack received.
func (c *crash) checkDelivery(kills int) {
	t := c.t
	t.Helper()
	db, err := database.OpenReadOnly(t.Context(), filepath.Join(c.state, "squarewatch.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for name, server := range map[string]*slackstub.Server{"webhook": c.webhook, "bot": c.bot} {
		if refused := server.Refused(); len(refused) > 0 {
			t.Errorf("%s: Slack refuses %d messages: %v", name, len(refused), refused[0])
		}
	}
	known := incidents(t, db)
	messages := slackstub.ByIncident(c.webhook.Messages())
	var folded, joined, cut, killed, unexplained int
	for id := range known {
		of := messages[id]
		firing, resolved := of.Saying("FIRING"), of.Saying("RESOLVED")
		switch {
		case of == nil && isNamedByAnother(known, messages, known[id]):
			joined++
			continue
		case len(resolved) == 0:
			t.Errorf("incident %s of %s, %v to %v, has no RESOLVED", id, known[id].series, known[id].fired, known[id].resolved)
			continue
		case len(firing) == 0 && !slices.ContainsFunc(resolved, isFolded):
			t.Errorf("incident %s has a RESOLVED and no FIRING", id)
		case len(firing) == 0:
			folded++
		}
		for _, list := range []slackstub.Messages{firing, resolved} {
			if len(list) > 1 {
				a, b, other := c.repeats(list)
				cut, killed, unexplained = cut+a, killed+b, unexplained+other
			}
		}
	}
	for id := range messages {
		if _, ok := known[id]; !ok {
			t.Errorf("Slack received incident %s, which the daemon has not stored", id)
		}
	}
	if unexplained > 0 {
		t.Errorf("%d messages were repeated although the first had been answered", unexplained)
	}
	for id, of := range slackstub.ByIncident(last(c.bot.Messages())) {
		if len(of.Saying("RESOLVED")) == 0 {
			t.Errorf("the bot's message of incident %s does not say RESOLVED", id)
		}
	}
	t.Logf("%d kills, %d incidents (%d joined another), %d webhook messages (%d incidents reported in one), %d answers cut after "+
		"acceptance, repeats: %d after a cut, %d after a kill, %d without reason; bot: %d messages and replies",
		kills, len(known), joined, len(c.webhook.Messages()), folded, c.webhook.Cuts(), cut, killed, unexplained, len(c.bot.Messages()))
	if len(known) < kills/20 {
		t.Errorf("only %d incidents: too few for this test", len(known))
	}
}

// isFolded reports whether a message reports both the beginning and the end of an incident.
func isFolded(m slackstub.Message) bool { return strings.Contains(m.Blocks, "the latest of") }

// last keeps the newest of the bot's own messages of each incident. A message whose answer was lost is posted again, and the bot
// does not know the first one.
func last(messages []slackstub.Message) []slackstub.Message {
	newest := map[string]slackstub.Message{}
	for _, m := range messages {
		if id := m.Incident(); id != "" && m.Thread == "" {
			newest[id] = m
		}
	}
	var list []slackstub.Message
	for _, m := range newest {
		list = append(list, m)
	}
	return list
}

// storedIncident is an incident that the daemon has kept.
type storedIncident struct {
	series          string // with its rule, as messages of another rule name it
	fired, resolved string // as stored: the order of the texts is the order of time
}

// isNamedByAnother reports whether the RESOLVED of an incident that lasted at least as long names a series that joined it.
func isNamedByAnother(known map[string]storedIncident, messages map[string]slackstub.Messages, joined storedIncident) bool {
	for id, other := range known {
		of := messages[id]
		if of == nil || other.fired > joined.fired || other.resolved < joined.resolved {
			continue
		}
		if slices.ContainsFunc(of.Saying("RESOLVED"), func(m slackstub.Message) bool { return strings.Contains(m.Blocks, joined.series) }) {
			return true
		}
	}
	return false
}

// incidents returns all incidents that the daemon has kept, by identifier.
func incidents(t *testing.T, db *sql.DB) map[string]storedIncident {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT id, state, rule || ' ' || series, fired, resolved FROM incidents`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string]storedIncident{}
	for rows.Next() {
		var id, state string
		var i storedIncident
		if err := rows.Scan(&id, &state, &i.series, &i.fired, &i.resolved); err != nil {
			t.Fatal(err)
		}
		if state != "resolved" {
			t.Errorf("incident %s is still %s", id, state)
		}
		all[id] = i
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
