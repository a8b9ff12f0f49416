package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
	"squarewatch/probe/aisquaretest"
)

var _ outbox.Reporter = (*inbox)(nil)

// Report keeps a report in one line.
func (i *inbox) Report(_ context.Context, report outbox.Report) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = append(i.messages, fmt.Sprintf("%v %s: %s", time.Since(i.began).Truncate(time.Second), report.Title, report.Paragraphs))
	return nil
}

func TestTheDigestIsPostedWhenItIsDue(t *testing.T) {
	file := strings.Replace(sceneFile, "state_dir: none", "state_dir: "+t.TempDir(), 1) +
		"digest: {schedule: \"CRON_TZ=UTC 30 1 * * *\", notify: ops}\n"
	synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight UTC
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(time.Hour)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(10 * time.Minute)
		s.api.ClearFaults()
		s.after(19 * time.Minute)
		s.inbox.take()
		s.after(2 * time.Minute)
		messages := s.inbox.take()
		if len(messages) != 1 || !strings.HasPrefix(messages[0], "1h30m0s Report: 127.0.0.1:1 from ") ||
			!strings.Contains(messages[0], "server-errors feed: bad for 9m50s (60 bad runs)") {
			t.Fatalf("want one report with the incident, got %v", messages)
		}
	})
}

// TestTheDigestIsWithinTheLimitsOfSlack draws the report of a bad month of many probes, with names that Slack would read as marks.
func TestTheDigestIsWithinTheLimitsOfSlack(t *testing.T) {
	large := someReport()
	for i := range 1000 {
		name := fmt.Sprintf("%d-<!channel>*_%s", i, strings.Repeat("&", 63))
		large.Probes = append(large.Probes, probeReport{Probe: name, Availability: new(0.5), Runs: 9})
		large.Budgets = append(large.Budgets, budgetReport{Rule: name, Objective: 0.99})
		large.Incidents = append(large.Incidents, incidentReport{Rule: name, Series: name, Fired: at(), Culprit: name})
	}
	for name, r := range map[string]*periodReport{"usual": someReport(), "large": large, "empty": {Until: at()}} {
		m := slack.RenderReport(digestOf(r))
		blocks, err := json.Marshal(m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if word, reasons := slackstub.Check(m.Text, string(blocks)); word != "" {
			t.Errorf("%s: want Slack to accept it, got %s %v", name, word, reasons)
		}
		if strings.Contains(string(blocks), "<!channel>") {
			t.Errorf("%s: a name mentions the channel", name)
		}
	}
}

// refusing counts requests and answers with a status.
type refusing struct{ requests, status int }

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.requests++
	return &http.Response{StatusCode: r.status, Body: http.NoBody, Header: http.Header{}}, nil
}

func TestADigestIsPostedAgainUnlessItIsRefused(t *testing.T) {
	for status, want := range map[int]int{http.StatusServiceUnavailable: digestAttempts, http.StatusNotFound: 1} {
		synctest.Test(t, func(t *testing.T) {
			server := &refusing{status: status}
			notifier := slack.New(slack.Settings{WebhookURL: secret.New("https://hooks.example.org/x")},
				slack.Options{Client: &http.Client{Transport: server}})
			if err := postReport(t.Context(), notifier, digestOf(someReport())); err == nil || server.requests != want {
				t.Errorf("%d: want an error after %d requests, got %v after %d", status, want, err, server.requests)
			}
		})
	}
}
