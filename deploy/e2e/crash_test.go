//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"

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
		fires := strings.Contains(body, `"state":"firing"`) || strings.Contains(body, `"state":"pending"`)
		return err == nil && status == http.StatusOK && !fires &&
			strings.Count(body, `"pending":0`) == len(crashHooks())+1 && strings.Count(body, `"class":"success"`) == len(crashPaths())
	})
	if _, err := stop(t, cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
	c.checkDelivery(kills)
}
