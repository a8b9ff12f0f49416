//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver of the history

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

// pageToken is the token of the page in these tests.
const pageToken = "a-token-of-the-page-tests-123456"

// hostileText leaves its place where a page does not escape it.
const hostileText = `"'><script>window.hostile=1</script><img src=x onerror="window.hostile=1">{{7}}` + "\u202e" +
	`javascript:window.hostile=1`

// TestPageInChromium holds every page against a real Chromium and axe-core, while an API with hostile texts fails. See pagejudge/judge.mjs.
func TestPageInChromium(t *testing.T) {
	body, err := json.Marshal(map[string]string{"detail": "OperationalError: " + hostileText})
	if err != nil {
		t.Fatal(err)
	}
	s := startPageScene(t, string(body), hostileText)
	s.judge(t, "judge.mjs", pageToken, hostileText)
}

// TestPicturesOfThePage makes the pictures of the documentation, when SQUAREWATCH_PICTURES names a folder for them.
func TestPicturesOfThePage(t *testing.T) {
	folder := os.Getenv("SQUAREWATCH_PICTURES")
	if folder == "" {
		t.Skip("SQUAREWATCH_PICTURES names no folder for the pictures: make pictures makes them")
	}
	folder, err := filepath.Abs(folder)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startPageScene(t, `{"detail": "OperationalError: too many connections"}`, "https://wiki.example.org/runbooks/feed")
	s.judge(t, "pictures.mjs", folder)
}

// pageScene is a daemon with a history of some hours, and with an incident of the probe feed.
type pageScene struct{ address string }

// judge runs a script against the daemon. What the script prints are faults.
func (s *pageScene) judge(t *testing.T, script string, arguments ...string) {
	t.Helper()
	judge := exec.CommandContext(t.Context(), "node", append([]string{script, s.address}, arguments...)...)
	judge.Dir = "pagejudge"
	said, err := judge.CombinedOutput()
	if err != nil {
		t.Errorf("%s failed; run deploy/e2e/setup.sh: %v", script, err)
	}
	if text := strings.TrimSpace(string(said)); text != "" {
		t.Errorf("the page has faults:\n%s", text)
	}
}

// startPageScene starts the daemon, and waits until the API's answers with a body have made an incident.
func startPageScene(t *testing.T, body, runbook string) *pageScene {
	t.Helper()
	const feed = "/api/v1/aistudios/experiences/flattened/"
	command := binary(t) // building takes time, in which the history would have a gap
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: -1})
	api.SetFault(feed, aisquaretest.Fault{Delay: 150 * time.Millisecond, Status: http.StatusInternalServerError, Body: body})
	target := aisquaretest.Start(api)
	t.Cleanup(target.Close)
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	dir, listen := t.TempDir(), "127.0.0.1:"+freePort(t)
	writePageHistory(t, filepath.Join(dir, "squarewatch.db"))
	label, err := json.Marshal(runbook)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "squarewatch.yaml")
	text := fmt.Sprintf(`
target: %s
studio: %s
credentials: {partner: {api_key: "${env:PAGE_KEY}"}}
defaults: {schedule: "@every 1s"}
catalogue: all
probes:
  - {name: bookings, path: "/api/v1/bookings/config/?page=1", credential: partner, labels: {team: %s}}
rules:
  - {name: server-errors, on: [5xx], per: probe, window: 1m, threshold: 20%%, min_runs: 5, runbook: %s}
  - {name: unauthenticated, on: [401], per: credential, window: 1m}
notifiers: {ops: {slack: {webhook_url: %q}, group_wait: 0s}}
web: {token: "${env:PAGE_TOKEN}"}
listen: %s
state_dir: %q
`, target.URL, aisquaretest.DefaultStudio, label, label, slack.Webhook(), listen, dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := exec.CommandContext(t.Context(), command, "run", "--config", file)
	daemon.Env = append(os.Environ(), "PAGE_KEY="+aisquaretest.DefaultKey, "PAGE_TOKEN="+pageToken)
	start(t, daemon)
	s := &pageScene{address: "http://" + listen}
	eventually(t, time.Minute, "an incident of feed that Slack was told", func() bool {
		_, home, err := get(t.Context(), s.address+"/index.json")
		if err != nil || !strings.Contains(home, `"problems":[{"id":"`) {
			return false
		}
		_, id, _ := strings.Cut(home, `"problems":[{"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		_, page, err := get(t.Context(), s.address+"/incident/"+id+".json")
		return err == nil && strings.Contains(page, "Told ops")
	})
	return s
}

// writePageHistory writes six hours of runs, so that charts have something to show. An hour ago feed failed for some minutes.
func writePageHistory(t *testing.T, path string) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	db, err := database.Open(t.Context(), path, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, err := history.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var runs []*probe.Result
	chance := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	for at := now.Add(-6 * time.Hour); at.Before(now.Add(-30 * time.Second)); at = at.Add(30 * time.Second) {
		for _, name := range []string{"feed", "collections", "bookings"} {
			code, age := http.StatusOK, now.Sub(at)
			if name == "feed" && age < 40*time.Minute && age > 34*time.Minute {
				code = http.StatusInternalServerError
			}
			runs = append(runs, pictured(name, at, code, chance))
		}
	}
	writer := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: logger, Room: len(runs)})
	for _, r := range runs {
		writer.Finished(r)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	writer.Run(ended) // writes what waits
}

// pictured returns a run with the phases of a new connection.
func pictured(name string, start time.Time, code int, chance *rand.Rand) *probe.Result {
	class := probe.ClassOfStatus(code)
	r := &probe.Result{
		Probe: name, Credential: "partner", Intended: start, Start: start, Class: class, Code: code, Expected: class == probe.Success,
	}
	for i := range r.Trace {
		r.Trace[i] = byte(chance.Uint32())
	}
	if !r.Expected {
		r.Reason, r.Excerpt, r.Blame = fmt.Sprintf("answered %d, expected 2xx", code), "OperationalError: too many connections", probe.BlameAPI
	}
	a := probe.Attempt{
		Cause: probe.CauseFirst, Method: http.MethodGet, URL: "http://127.0.0.1/", Start: start, Class: class, Code: code, Protocol: "2",
		Peer: "192.0.2.1:443",
	}
	end := start
	for i, kind := range probe.PhaseKinds() {
		usual := []float64{4, 18, 38, 0.3, 70, 5}[i]
		took := time.Duration(usual * (0.7 + chance.ExpFloat64()*0.4) * float64(time.Millisecond))
		a.Phases = append(a.Phases, probe.Phase{Kind: kind, Start: end, End: end.Add(took)})
		end = end.Add(took)
	}
	a.End, r.End = end, end
	r.Attempts = []probe.Attempt{a}
	return r
}
