package slack

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestEveryPublishedErrorCodeIsKnown compares the table with Slack's own lists. The file names its source.
func TestEveryPublishedErrorCodeIsKnown(t *testing.T) {
	f, err := os.Open("testdata/slack-errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	words := map[string]int{}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		line := scanner.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		method, word, _ := strings.Cut(line, " ")
		words[method]++
		key := keyBotToken
		if method == "apps.connections.open" {
			key = keyAppToken
		}
		known, ok := refusals(key)[word]
		if !ok || known.reason == "" {
			t.Errorf("%s: %s has no reason in the table", method, word)
		}
		if key == keyAppToken && (strings.Contains(known.fix, keyBotToken) || strings.Contains(known.fix, "chat:write")) {
			t.Errorf("%s: %s asks for the other token: %s", method, word, known.fix)
		}
	}
	for method, least := range map[string]int{"chat.postMessage": 60, "chat.update": 50, "apps.connections.open": 30} {
		if words[method] < least {
			t.Errorf("%s: only %d codes in the list, want at least %d", method, words[method], least)
		}
	}
}

// TestARefusalHasOneMeaning checks that an error code has at most one reaction, and that a rate limit has no fix.
func TestARefusalHasOneMeaning(t *testing.T) {
	for word, r := range refusals(keyBotToken) {
		ways := 0
		for _, way := range []bool{r.limits, r.form, r.cannotEdit, r.cannotReply} {
			if way {
				ways++
			}
		}
		if ways > 1 || r.limits && r.fix != "" {
			t.Errorf("%s: %+v", word, r)
		}
	}
}
