//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// emulator is an emulator of Slack that others wrote.
type emulator struct{ address, api string }

func startEmulator(t *testing.T) emulator {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "emulator.mjs")
	cmd.Dir = judgeFolder(t, "slackjudge")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the emulator does not start: %v", err)
	}
	target, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	// Slack takes the token in the header or in the form (https://docs.slack.dev/authentication/tokens); the emulator reads the header only.
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+slackstub.BotToken)
	}})
	t.Cleanup(front.Close)
	return emulator{target.String(), front.URL + "/api"}
}

// webhook is the incoming webhook that the emulator has from the beginning.
func (e emulator) webhook() string { return e.address + "/services/T000000001/B000000001/X000000001" }

// history returns what the emulator's channel #general holds, newest first.
func (e emulator) history(t *testing.T) []string {
	t.Helper()
	form := url.Values{"channel": {"C000000001"}, "limit": {"1000"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.api+"/conversations.history", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var said struct {
		OK       bool   `json:"ok"`
		Error    string `json:"error"`
		Messages []struct {
			Text string `json:"text"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil || !said.OK {
		t.Fatalf("history: %v %s", err, said.Error)
	}
	var texts []string
	for _, m := range said.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}
