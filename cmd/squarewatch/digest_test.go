package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

var _ outbox.Reporter = (*inbox)(nil)

// Report keeps a report in one line, or refuses it.
func (i *inbox) Report(_ context.Context, report outbox.Report) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refused != nil {
		return i.refused
	}
	i.messages = append(i.messages, fmt.Sprintf("%v %s: %s", time.Since(i.began).Truncate(time.Second), report.Title, report.Paragraphs))
	return nil
}

func TestTheDigestIsPostedWhenItIsDue(t *testing.T) {
	file := keptFile(t) + "digest: {schedule: \"CRON_TZ=UTC 30 0 * * *\", notify: ops}\n"
	synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight UTC
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(10 * time.Minute)
		s.api.ClearFaults()
		s.after(18 * time.Minute)
		s.inbox.take()
		s.after(2 * time.Minute)
		messages := s.inbox.take()
		if len(messages) != 1 || !strings.HasPrefix(messages[0], "30m0s Report: 127.0.0.1:1 from ") ||
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

// digestFile is a scene's file with a digest every night at half past midnight.
func digestFile(t *testing.T) string {
	t.Helper()
	return keptFile(t) + "digest: {schedule: \"CRON_TZ=UTC 30 0 * * *\"}\n"
}

// TestADigestSurvivesARestart stops the daemon while Slack refuses the digest. The next daemon posts the digest. The daemon after it does
// not.
func TestADigestSurvivesARestart(t *testing.T) {
	file := digestFile(t)
	synctest.Test(t, func(t *testing.T) {
		first := newSceneWith(t, file, func(*Options) {})
		first.inbox.refused = &outbox.DeliveryError{Reason: "unavailable", Err: errors.New("status 503")}
		first.after(30*time.Minute + 10*time.Second)
		first.stop()

		for _, want := range []int{1, 0} {
			<-time.After(time.Minute)
			next := newSceneWith(t, file, func(*Options) {})
			next.after(15 * time.Minute)
			messages := next.inbox.take()
			next.stop()
			if len(messages) != want || want > 0 && !strings.Contains(messages[0], "to 2000-01-01 00:30 UTC") {
				t.Fatalf("want %d reports of the time before 00:30, got %v", want, messages)
			}
		}
	})
}

// TestADigestThatWasDueWhileNoDaemonRan checks that the start makes only the last digest, and only if it was due within a day.
func TestADigestThatWasDueWhileNoDaemonRan(t *testing.T) {
	file := digestFile(t)
	synctest.Test(t, func(t *testing.T) {
		<-time.After(20 * time.Minute)
		run := func(length time.Duration) []string {
			s := newSceneWith(t, file, func(*Options) {})
			s.after(length)
			defer s.stop()
			return s.inbox.take()
		}
		if got := run(15 * time.Minute); len(got) != 1 {
			t.Fatalf("want the digest of 00:30, got %v", got)
		}
		<-time.After(71 * time.Hour)
		if got := run(5 * time.Minute); len(got) != 1 || !strings.Contains(got[0], "to 2000-01-03 00:30 UTC") {
			t.Errorf("want the last digest after a stop of three days, got %v", got)
		}
		<-time.After(30 * time.Minute)
		if got := run(5 * time.Minute); len(got) != 0 {
			t.Errorf("want nothing, since nothing was due, got %v", got)
		}
	})
}

func TestTheFirstStartMakesNoDigestOfTheTimeBefore(t *testing.T) {
	file := digestFile(t)
	synctest.Test(t, func(t *testing.T) {
		<-time.After(2 * time.Hour)
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(5 * time.Minute)
		s.expectNoMessage()
	})
}
