package main

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config"
	"squarewatch/probe/aisquaretest"

	"github.com/google/go-cmp/cmp"
)

const feedPath = "/api/v1/aistudios/experiences/flattened/"

// keptFile is a scene's file with a state directory, which is created outside the bubble.
func keptFile(t *testing.T) string {
	t.Helper()
	return strings.Replace(sceneFile, "state_dir: none", "state_dir: "+memoryDir(t), 1)
}

// memoryDir returns a directory that lasts as long as the test, in memory where the system has such a place. A daemon in a bubble passes
// hours in seconds, and syncs its database every second of them: on a disk, most of the test's time would go into waiting.
func memoryDir(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "squarewatch") //nolint:usetesting // T.TempDir is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

func TestARestartInTheMiddleOfAnIncident(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		first := newSceneWith(t, file, func(*Options) {})
		first.after(2 * time.Minute)
		first.expectNoMessage()
		first.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		first.after(time.Minute)
		synctest.Wait()
		messages := first.inbox.take()
		if len(messages) != 1 || !strings.Contains(messages[0], "firing server-errors feed") {
			t.Fatalf("want one message, got %v", messages)
		}
		first.stop()

		<-time.After(30 * time.Minute) // no daemon runs
		second := newSceneWith(t, file, func(*Options) {})
		second.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		second.after(5 * time.Minute)
		second.expectNoMessage()
		if _, page := second.get("/metrics"); !strings.Contains(page,
			`squarewatch_alert_firing{rule="server-errors",series="feed",severity="critical"} 1`) {
			t.Error("want the incident to fire still after the restart")
		}
		if _, page := second.get("/metrics"); !strings.Contains(page, `squarewatch_schedule_missed_total{probe="feed",reason="gap"} 180`) {
			t.Error("want the runs of half an hour counted as missed")
		}
		second.api.ClearFaults()
		second.after(2 * time.Minute)
		synctest.Wait()
		messages = second.inbox.take()
		if len(messages) != 1 || !strings.Contains(messages[0], "resolved server-errors feed") {
			t.Errorf("want one message about the end, got %v", messages)
		}
		second.stop()

		third := newSceneWith(t, file, func(*Options) {})
		third.after(5 * time.Minute)
		third.expectNoMessage()
		third.stop()
	})
}

func TestBacktestMatchesTheMessages(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newSceneWith(t, file, func(*Options) {})
		s.after(5 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(3 * time.Minute)
		s.api.ClearFaults()
		s.after(5 * time.Minute)
		s.api.Revoke(aisquaretest.DefaultKey)
		s.after(3 * time.Minute)
		synctest.Wait()
		sent := s.inbox.take()
		s.stop()

		cfg, err := config.Parse("scene.yaml", []byte(file), config.Options{Kinds: kinds()})
		if err != nil {
			t.Fatal(err)
		}
		source, done, err := newSource(t.Context(), cfg, "", time.Hour, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		report, err := backtest(cfg, source)
		if err != nil {
			t.Fatal(err)
		}
		var again []string
		for _, c := range report.changes {
			again = append(again, strings.Join([]string{
				c.At.Sub(began).Round(time.Millisecond).Truncate(time.Second).String(), string(c.Event),
				c.Incident.Rule, c.Incident.Series,
			}, " "))
		}
		if diff := cmp.Diff(sent, again); diff != "" || len(sent) != 3 {
			t.Errorf("want three messages, and the same changes in the backtest, -sent +backtest:\n%s", diff)
		}
	})
}

func TestSilenceSurvivesARestart(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		first := newSceneWith(t, file, func(*Options) {})
		if _, err := first.post("/api/v1/silences",
			`{"probes": ["feed"], "until": "`+time.Now().Add(time.Hour).Format(time.RFC3339)+`", "by": "me"}`); err != nil {
			t.Fatal(err)
		}
		first.stop()
		second := newSceneWith(t, file, func(*Options) {})
		second.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		second.after(10 * time.Minute)
		second.expectNoMessage()
		if status, page := second.get("/api/v1/silences"); status != 200 || !strings.Contains(page, `"probes":["feed"]`) {
			t.Errorf("want the silence listed, got %d %s", status, page)
		}
		second.after(time.Hour)
		synctest.Wait()
		if messages := second.inbox.take(); len(messages) != 1 || !strings.Contains(messages[0], "firing server-errors feed") {
			t.Errorf("want a message when the silence ends, got %v", messages)
		}
		second.stop()
	})
}
