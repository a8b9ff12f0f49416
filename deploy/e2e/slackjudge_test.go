//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"

	"go.yaml.in/yaml/v4"
)

// hostileDetail is what the API says during the storm: whatever could mention, link, hide, or break out.
const hostileDetail = "<!channel> <!here> @everyone <https://evil.example|click> ```*_~` & < > \u202e生命🔥 "

// stormProbes is how many probes fail at once.
const stormProbes = 35

// judgeFolder returns the folder in which setup.sh installs others' packages for a judge, such as models of Slack.
func judgeFolder(t *testing.T, judge string) string {
	t.Helper()
	folder, err := filepath.Abs(judge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".installed")); err != nil {
		t.Fatalf("the judges are not installed: run deploy/e2e/setup.sh (%v)", err)
	}
	return folder
}

// compile checks TypeScript with tsc --strict, beside the packages of a judge, and returns its errors; empty for none.
func compile(t *testing.T, judge, source string) string {
	t.Helper()
	folder := judgeFolder(t, judge)
	file := filepath.Join(folder, fmt.Sprintf("judged-%d.ts", time.Now().UnixNano()))
	t.Cleanup(func() { _ = os.Remove(file) })
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "node_modules", ".bin", "tsc"),
		"--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext", file)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

// typedBlocks writes messages' blocks as TypeScript. Slack's types do not know the chart yet.
func typedBlocks(t *testing.T, messages map[string]string) string {
	t.Helper()
	var source strings.Builder
	source.WriteString("import type { KnownBlock } from \"@slack/types\";\nexport const messages: Record<string, KnownBlock[]> = {\n")
	for name, blocks := range messages {
		var list []map[string]any
		if err := json.Unmarshal([]byte(blocks), &list); err != nil {
			t.Fatalf("%s: %v: %s", name, err, blocks)
		}
		list = slices.DeleteFunc(list, func(b map[string]any) bool { return b["type"] == "data_visualization" })
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&source, "%q: %s,\n", name, text)
	}
	source.WriteString("};\n")
	return source.String()
}

// golden returns the texts and blocks of all messages that the notifier's golden files hold.
func golden(t *testing.T) (texts, blocks map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../alert/slack/testdata/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("want the golden messages, got %d files, %v", len(files), err)
	}
	texts, blocks = map[string]string{}, map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Text   string          `json:"text"`
			Blocks json.RawMessage `json:"blocks"`
		}
		if err := json.Unmarshal(content, &m); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		texts[filepath.Base(file)], blocks[filepath.Base(file)] = m.Text, string(m.Blocks)
	}
	return texts, blocks
}

func TestSlacksOwnTypesTakeEveryGoldenMessage(t *testing.T) {
	texts, blocks := golden(t)
	for name, text := range texts {
		if word, reasons := slackstub.Check(text, blocks[name]); word != "" {
			t.Errorf("the stand-in refuses %s: %s %v", name, word, reasons)
		}
	}
	if said := compile(t, "slackjudge", typedBlocks(t, blocks)); said != "" {
		t.Errorf("Slack's types refuse a message:\n%s", said)
	}
	bad := map[string]string{"bad": `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`}
	if said := compile(t, "slackjudge", typedBlocks(t, bad)); !strings.Contains(said, "emoji") {
		t.Errorf("want the judge to refuse what Slack refuses, got %q", said)
	}
}

// TestTheManifestIsOneOfSlacks checks the app's manifest by Slack's own type.
func TestTheManifestIsOneOfSlacks(t *testing.T) {
	content, err := os.ReadFile("../slack-app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := yaml.Unmarshal(content, &read); err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(manifest string) string {
		return compile(t, "slackjudge", `import type { Manifest } from "@slack/web-api/dist/types/request/manifest.js";
type Known = { [K in keyof Manifest as string extends K ? never : K]: Manifest[K] };
export const manifest: Known = `+manifest+";\n")
	}
	if said := judge(string(manifest)); said != "" {
		t.Errorf("Slack's type refuses the manifest:\n%s", said)
	}
	for _, bad := range []string{
		`{"display_information":{"name":"x"},"nonsense":1}`, `{"display_information":{"name":"x","nonsense":1}}`, `{}`,
	} {
		if judge(bad) == "" {
			t.Errorf("want the judge to refuse %s", bad)
		}
	}
}

// TestAStormPassesEveryJudge lets 35 probes fail with hostile texts, and be good again. Their messages go to the strict stand-in and to a
// Slack that others wrote, by webhook and by bot, and pass Slack's own types.
func TestAStormPassesEveryJudge(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: -1})
	target := aisquaretest.Start(api)
	defer target.Close()
	strict, other := slackstub.New(), startEmulator(t)
	defer strict.Close()
	listen := "127.0.0.1:" + freePort(t)
	var probes strings.Builder
	detail, err := json.Marshal(map[string]string{"detail": strings.Repeat(hostileDetail, 20)})
	if err != nil {
		t.Fatal(err)
	}
	set := func(status int) {
		for i := range stormProbes {
			api.SetFault(fmt.Sprintf("/p%d/", i), aisquaretest.Fault{Status: status, Body: string(detail)})
		}
	}
	for i := range stormProbes {
		fmt.Fprintf(&probes, "  - {name: p%d, path: /p%d/}\n", i, i)
	}
	set(200)
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	config := fmt.Sprintf(`
target: %s
catalogue: none
defaults: {schedule: "@every 2s", timeout: 5s, connection: reuse}
probes:
%srules:
  - {name: server-errors, on: [5xx], window: 10s, threshold: 50%%, clear: 30%%, min_runs: 3, runbook: "https://wiki.example.org/?a=<&b=|"}
notifiers:
  hook: {slack: {webhook_url: %q}, group_wait: 0s}
  bot: {slack: {bot_token: %s, channel: %s, api_url: %q}, group_wait: 2s}
  otherhook: {slack: {webhook_url: %q}, group_wait: 2s}
  otherbot: {slack: {bot_token: %s, channel: general, api_url: %q}, group_wait: 0s}
listen: %s
state_dir: none
`, target.URL, probes.String(), strict.Webhook(), slackstub.BotToken, slackstub.Name, strict.API(), other.webhook(),
		slackstub.BotToken, other.api, listen)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	start(t, cmd)
	status := func(what string, count int, total string) {
		t.Helper()
		eventually(t, 90*time.Second, what, func() bool {
			code, body, err := get(t.Context(), "http://"+listen+"/api/v1/status")
			return err == nil && code == http.StatusOK && strings.Count(body, what) == count &&
				strings.Count(body, `"pending":0`) == 4 && strings.Contains(body, total)
		})
	}
	status(`"class":"success"`, stormProbes, "")
	set(500)
	status(`"state":"firing"`, stormProbes, "")
	fired := kept(strict)
	set(200)
	status(`"state":"firing"`, 0, `"class":"success"`)
	if _, err := stop(t, cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
	if refused := strict.Refused(); len(refused) > 0 {
		t.Errorf("the strict stand-in refused %d messages: %v", len(refused), refused)
	}
	over := kept(strict)
	if len(fired) < 2 || len(over) <= len(fired) {
		t.Errorf("only %d and %d messages: too few for this test", len(fired), len(over))
	}
	for _, messages := range []map[string]string{fired, over} {
		if said := compile(t, "slackjudge", typedBlocks(t, messages)); said != "" {
			t.Errorf("Slack's types refuse a message:\n%s", said)
		}
	}
	texts := strings.Join(other.history(t), "\n")
	if strings.Count(texts, "RESOLVED server-errors") < 2 || !strings.Contains(texts, "FIRING server-errors") {
		t.Errorf("want FIRING by webhook, and RESOLVED by both, in the other Slack, got:\n%s", texts)
	}
	t.Logf("%d messages while it fired, %d in the end", len(fired), len(over))
}

// kept returns the blocks of the messages that a stand-in holds now.
func kept(s *slackstub.Server) map[string]string {
	all := map[string]string{}
	for _, m := range s.Messages() {
		if m.Blocks != "" && m.Blocks != "[]" {
			all[m.TS] = m.Blocks
		}
	}
	return all
}

// TestAnotherSlackTakesEveryGoldenMessage posts all golden messages, charts too, to a Slack that others wrote.
func TestAnotherSlackTakesEveryGoldenMessage(t *testing.T) {
	texts, blocks := golden(t)
	other := startEmulator(t)
	for name, text := range texts {
		body := fmt.Sprintf(`{"text":%s,"blocks":%s}`, quoted(t, text), blocks[name])
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, other.webhook(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
	shown := other.history(t)
	for name, text := range texts {
		if !slices.Contains(shown, text) {
			t.Errorf("%s is not shown", name)
		}
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
