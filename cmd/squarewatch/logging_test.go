package main

import (
	"bytes"
	"encoding/json"
	"log"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/config/secret"

	"github.com/google/go-cmp/cmp"
)

// TestJournalLinesBeginWithTheirPriority logs one line of each level.
func TestJournalLinesBeginWithTheirPriority(t *testing.T) {
	for format, want := range map[string]string{
		logText: "<3>msg=broken probe=feed key=<hidden>\n<4>msg=\"not good\" probe=feed at.error=refused\n<6>msg=news probe=feed\n",
		logJSON: `<3>{"msg":"broken","probe":"feed","key":"<hidden>"}` + "\n" +
			`<4>{"msg":"not good","probe":"feed","at":{"error":"refused"}}` + "\n" + `<6>{"msg":"news","probe":"feed"}` + "\n",
	} {
		var out bytes.Buffer
		logger, err := loggerFor(&out, format, true)
		if err != nil {
			t.Fatal(err)
		}
		logger = logger.With("probe", "feed")
		logger.Error("broken", "key", secret.New("hunter2"))
		logger.WithGroup("at").Warn("not good", "error", "refused")
		logger.Info("news")
		logger.Debug("details")
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestLinesElsewhereHaveTimeAndLevel(t *testing.T) {
	var out bytes.Buffer
	logger, err := loggerFor(&out, logJSON, false)
	if err != nil {
		t.Fatal(err)
	}
	logger.Warn("not good")
	var line map[string]string
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["time"] == "" || line["level"] != slog.LevelWarn.String() {
		t.Errorf("want JSON with time and level, got %q (%v)", out.String(), err)
	}
}

// TestMessagesOfTheStandardLibraryAreLogged is about net/http, whose messages about a connection quote what the client sent.
func TestMessagesOfTheStandardLibraryAreLogged(t *testing.T) {
	before, to, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(to)
		log.SetFlags(flags)
		slog.SetLogLoggerLevel(slog.LevelInfo)
	})
	var out bytes.Buffer
	logger, err := loggerFor(&out, logJSON, true)
	if err != nil {
		t.Fatal(err)
	}
	redirectStandardLog(logger)
	const unsolicited = "Unsolicited response received on idle HTTP channel starting with "
	panicked := "http: panic serving 127.0.0.1:1: oh\n" + strings.Repeat("goroutine 1\n", 100) + "."
	for text, want := range map[string]string{
		panicked:               panicked,
		"an unexpected answer": "an unexpected answer",
		unsolicited + `"{\"mail\": \"ada@example.org\", \"token\": \"hush\"}"; err=<nil>`: unsolicited +
			`"{\"mail\": \"***\", \"token\": ***}"; err=<nil>`,
		strings.Repeat("a b ", 1000): strings.Repeat("a b ", 74) + "a b…",
	} {
		out.Reset()
		log.Print(text)
		line, warned := strings.CutPrefix(out.String(), "<4>")
		var got struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Msg != want || !warned {
			t.Errorf("want %q, got %q (%v)", want, out.String(), err)
		}
	}
}

func TestUnknownLogFormatIsAUsageError(t *testing.T) {
	_, err := loggerFor(&bytes.Buffer{}, "xml", false)
	if !isUsage(err) || !strings.Contains(err.Error(), "text or json") {
		t.Errorf("want a usage error that says what to write, got %v", err)
	}
}

// TestAnAlertHasThePriorityOfItsSeverity checks the levels of transitions, so that journalctl --priority=err shows critical incidents.
func TestAnAlertHasThePriorityOfItsSeverity(t *testing.T) {
	for _, c := range []struct {
		transition alert.Transition
		want       slog.Level
	}{
		{alert.Transition{Event: alert.EventFiring, Incident: alert.Incident{Severity: alert.Critical}}, slog.LevelError},
		{alert.Transition{Event: alert.EventFiring, Incident: alert.Incident{Severity: alert.Warning}}, slog.LevelWarn},
		{alert.Transition{Event: alert.EventFiring, Incident: alert.Incident{Severity: alert.Info}}, slog.LevelInfo},
		{alert.Transition{Event: alert.EventFiring, Incident: alert.Incident{Severity: alert.Critical}, Muted: true}, slog.LevelInfo},
		{alert.Transition{Event: alert.EventResolved, Incident: alert.Incident{Severity: alert.Critical}}, slog.LevelInfo},
	} {
		if got := transitionLevel(&c.transition); got != c.want {
			t.Errorf("%s of severity %s, muted %v: want %v, got %v",
				c.transition.Event, c.transition.Incident.Severity, c.transition.Muted, c.want, got)
		}
	}
}

// TestTheLogHasTheWarningsOfCheck starts the daemon with a file that has no rule for 5xx and exports no traces.
func TestTheLogHasTheWarningsOfCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, strings.Replace(sceneFile, "on: [5xx]", "on: [404]", 1), func(*Options) {})
		s.after(time.Second)
		s.stop()
		for _, want := range []string{"no rule counts 5xx of ", "traces are not exported, so messages link to none"} {
			if !strings.Contains(s.log.String(), want) {
				t.Errorf("want %q in the log, got\n%s", want, s.log)
			}
		}
	})
}
