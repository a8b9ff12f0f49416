//go:build e2e

package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/database"

	_ "modernc.org/sqlite" // to read what the daemon has kept
)

// crash is a daemon that is killed repeatedly while the API has incidents and Slack fails.
type crash struct {
	t       *testing.T
	api     *aisquaretest.API
	webhook *slackstub.Server
	bot     *slackstub.Server
	file    string
	state   string
	listen  string
	kills   []time.Time
}

// crashKills is how often the daemon is killed: few in CI, as many as the environment says elsewhere.
func crashKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CRASH_KILLS")
	if text == "" {
		return 12
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CRASH_KILLS is %q: write a number", text)
	}
	return n
}

func crashPaths() []string { return []string{"/a/", "/b/", "/c/", "/d/"} }

func crashHooks() []string { return []string{"hook-ab", "hook-c", "hook-d"} }

func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{
		t: t, api: aisquaretest.New(aisquaretest.Options{KeepRequests: -1}), webhook: slackstub.New(), bot: slackstub.New(),
		listen: "127.0.0.1:" + freePort(t),
	}
	t.Cleanup(c.webhook.Close)
	t.Cleanup(c.bot.Close)
	target := aisquaretest.Start(c.api)
	t.Cleanup(target.Close)
	directory := t.TempDir()
	c.file, c.state = filepath.Join(directory, "squarewatch.yaml"), filepath.Join(directory, "state")
	// Incidents of a and b join when they have one cause, because both rules notify the same webhook. Those of c and d cannot.
	hook := map[string]string{"a": "hook-ab", "b": "hook-ab", "c": "hook-c", "d": "hook-d"}
	var probes, rules, hooks strings.Builder
	for _, path := range crashPaths() {
		c.api.SetFault(path, aisquaretest.Fault{Status: 200})
		name := strings.Trim(path, "/")
		fmt.Fprintf(&probes, "  - {name: %s, path: %s}\n", name, path)
		fmt.Fprintf(&rules, "  - {name: errors-%s, probes: [%s], notify: [%s, bot], on: [5xx], window: 10s, threshold: 50%%, clear: 30%%, "+
			"min_runs: 3, reopen: -1s}\n", name, name, hook[name])
	}
	for _, name := range crashHooks() {
		fmt.Fprintf(&hooks, "  %s: {slack: {webhook_url: %q}, group_wait: 0s}\n", name, c.webhook.Webhook())
	}
	text := fmt.Sprintf(`
target: %s
catalogue: none
defaults: {schedule: "@every 1s", timeout: 5s}
probes:
%srules:
%snotifiers:
%s  bot: {slack: {bot_token: %s, channel: %s, api_url: %q}, group_wait: 0s}
listen: %s
state_dir: %s
`, target.URL, probes.String(), rules.String(), hooks.String(), slackstub.BotToken, slackstub.Name, c.bot.API(), c.listen, c.state)
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// misbehave makes Slack limit, fail, answer slowly, and cut connections before and after it accepts a message.
func misbehave() slackstub.Fault {
	switch n := rand.IntN(100); {
	case n < 10:
		return slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: "1"}
	case n < 15:
		return slackstub.Fault{Status: http.StatusInternalServerError}
	case n < 22:
		return slackstub.Fault{Delay: slowness}
	case n < 27:
		return slackstub.Fault{CutBefore: true}
	case n < 34:
		return slackstub.Fault{CutAfter: true}
	}
	return slackstub.Fault{}
}

// trouble breaks and repairs endpoints at random until ctx ends, and then repairs all.
func (c *crash) trouble(ctx context.Context) {
	broken := map[string]bool{}
	for {
		path := crashPaths()[rand.IntN(len(crashPaths()))]
		broken[path] = !broken[path]
		status := 200
		if broken[path] {
			status = 500
		}
		c.api.SetFault(path, aisquaretest.Fault{Status: status})
		if !pause(ctx, time.Duration(3+rand.IntN(4))*time.Second) {
			break
		}
	}
	for _, path := range crashPaths() {
		c.api.SetFault(path, aisquaretest.Fault{Status: 200})
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// live starts the daemon and kills it after a while.
func (c *crash) live(length time.Duration) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), binary(c.t), "run", "--config", c.file)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	pause(c.t.Context(), length)
	c.kills = append(c.kills, time.Now())
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

var incidentOf = regexp.MustCompile(`incident ([0-9a-f]{12})`)

// received is what one notifier received about one incident.
type received struct {
	firing, resolved []slackstub.Message
	folded           bool // one message reported both
}

// byIncident groups messages by their incident.
func byIncident(messages []slackstub.Message) map[string]*received {
	all := map[string]*received{}
	for _, m := range messages {
		match := incidentOf.FindStringSubmatch(m.Blocks)
		if match == nil {
			continue
		}
		of := all[match[1]]
		if of == nil {
			of = &received{}
			all[match[1]] = of
		}
		switch {
		case strings.HasPrefix(m.Text, "FIRING"):
			of.firing = append(of.firing, m)
		case strings.HasPrefix(m.Text, "RESOLVED"):
			of.resolved = append(of.resolved, m)
			of.folded = of.folded || strings.Contains(m.Blocks, "the latest of")
		}
	}
	return all
}

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

// TestKilledAgainAndAgain kills the daemon at random moments during incidents. Afterwards every incident has its FIRING and its
// RESOLVED, and a message came twice only where Slack accepted it and its answer was lost.
func TestKilledAgainAndAgain(t *testing.T) {
	c, kills := newCrash(t), crashKills(t)
	c.webhook.Faults(misbehave)
	c.bot.Faults(misbehave)
	ctx, calm := context.WithCancel(t.Context())
	var driver sync.WaitGroup
	driver.Go(func() { c.trouble(ctx) })
	for range kills {
		c.live(time.Duration(300+rand.IntN(5000)) * time.Millisecond)
	}
	calm()
	driver.Wait()
	c.webhook.Always(slackstub.Fault{})
	c.bot.Always(slackstub.Fault{})

	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", c.file)
	start(t, cmd)
	eventually(t, 2*time.Minute, "nothing fires and nothing waits", func() bool {
		status, body, err := get(t.Context(), "http://"+c.listen+"/api/v1/status")
		return err == nil && status == http.StatusOK && strings.Count(body, `"state":"inactive"`) == strings.Count(body, `"state":`) &&
			strings.Count(body, `"pending":0`) == len(crashHooks())+1 && strings.Count(body, `"class":"success"`) == len(crashPaths())
	})
	if _, err := stop(t, cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
	c.checkDelivery(kills)
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
	messages := byIncident(c.webhook.Messages())
	var folded, joined, cut, killed, unexplained int
	for id := range known {
		of := messages[id]
		switch {
		case of == nil && isNamedByAnother(known, messages, known[id]):
			joined++
			continue
		case of == nil || len(of.resolved) == 0:
			t.Errorf("incident %s of %s, %v to %v, has no RESOLVED", id, known[id].series, known[id].fired, known[id].resolved)
			continue
		case len(of.firing) == 0 && !of.folded:
			t.Errorf("incident %s has a RESOLVED and no FIRING", id)
		case len(of.firing) == 0:
			folded++
		}
		for _, list := range [][]slackstub.Message{of.firing, of.resolved} {
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
	for id, of := range byIncident(last(c.bot.Messages())) {
		if len(of.resolved) == 0 {
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

// last keeps the newest of the bot's own messages of each incident. A message whose answer was lost is posted again, and the bot
// does not know the first one.
func last(messages []slackstub.Message) []slackstub.Message {
	newest := map[string]slackstub.Message{}
	for _, m := range messages {
		if match := incidentOf.FindStringSubmatch(m.Blocks); match != nil && m.Thread == "" {
			newest[match[1]] = m
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
func isNamedByAnother(known map[string]storedIncident, messages map[string]*received, joined storedIncident) bool {
	for id, other := range known {
		if of := messages[id]; of == nil || other.fired > joined.fired || other.resolved < joined.resolved {
			continue
		}
		if slices.ContainsFunc(messages[id].resolved, func(m slackstub.Message) bool { return strings.Contains(m.Blocks, joined.series) }) {
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
