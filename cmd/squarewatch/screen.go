package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"

	"squarewatch/alert"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe"
)

// screen prints what happens in the demo: a line of progress every few seconds, the script's acts, Slack's messages, and a summary.
type screen struct {
	mu       sync.Mutex
	display  display
	began    time.Time
	reported time.Time // time of the last line of progress
	tallies  map[string]*tally
	messages []string
}

// tally counts the runs of one probe.
type tally struct {
	runs, unexpected, missed int
	classes                  map[probe.Class]int
}

var _ probe.Sink = (*screen)(nil)

func newScreen(d display) *screen {
	return &screen{display: d, began: time.Now(), reported: time.Now(), tallies: map[string]*tally{}}
}

func (s *screen) tallyLocked(name string) *tally {
	t := s.tallies[name]
	if t == nil {
		t = &tally{classes: map[probe.Class]int{}}
		s.tallies[name] = t
	}
	return t
}

// reportEvery is the time between two lines of progress.
const reportEvery = 4 * time.Second

// Finished counts a run, and prints a line of progress every reportEvery.
func (s *screen) Finished(r *probe.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallyLocked(r.Probe)
	t.runs++
	t.classes[r.Class]++
	if !r.Expected {
		t.unexpected++
	}
	if now := time.Now(); now.Sub(s.reported) >= reportEvery {
		s.reported = now
		runs, unexpected, _ := s.sumLocked()
		s.lineLocked(fmt.Sprintf("%d runs, %d unexpected; last: %s %s in %s",
			runs, unexpected, r.Probe, codeText(r.Code), milliseconds(r.Latency())))
	}
}

// Missed counts runs that were not started.
func (s *screen) Missed(m probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tallyLocked(m.Probe).missed += m.Count
}

func (s *screen) sumLocked() (runs, unexpected, missed int) {
	for _, t := range s.tallies {
		runs, unexpected, missed = runs+t.runs, unexpected+t.unexpected, missed+t.missed
	}
	return runs, unexpected, missed
}

// lineLocked prints a line with the time since the start.
func (s *screen) lineLocked(text string) {
	_, _ = fmt.Fprintf(s.display.out, "%5.1fs  %s\n", time.Since(s.began).Seconds(), text)
}

func (s *screen) opening(target, listen, collector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lineLocked("A stand-in for the AISquare API answers at " + target)
	s.lineLocked("squarewatch watches it; its page is at http://" + listen + "/ and its metrics at http://" + listen + "/metrics")
	if collector != "" {
		s.lineLocked("Traces are sent to the collector at " + collector)
	}
}

func (s *screen) act(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lineLocked("── " + text + " ──")
}

// message draws a Slack message.
func (s *screen) message(m slack.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lineLocked("Slack receives:")
	_, _ = fmt.Fprintln(s.display.out, slack.Terminal(m, s.boxWidth(), s.display.colour))
	s.messages = append(s.messages, m.Text)
}

// boxWidth is the width of a message: 80 columns, or less on a narrow terminal.
func (s *screen) boxWidth() int {
	const usual = 80
	if s.display.width > 0 {
		return min(s.display.width, usual)
	}
	return usual
}

func (s *screen) summary() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.display.table("probe", "runs", "unexpected", "missed", "classes")
	for _, name := range sortedKeys(s.tallies) {
		probed := s.tallies[name]
		var classes []string
		for _, class := range probe.Classes() {
			if n := probed.classes[class]; n > 0 {
				classes = append(classes, fmt.Sprintf("%d %s", n, class))
			}
		}
		t.add(name, probed.runs, probed.unexpected, probed.missed, strings.Join(classes, ", "))
	}
	_, _ = fmt.Fprint(s.display.out, t)
	runs, unexpected, missed := s.sumLocked()
	fired := slices.DeleteFunc(slices.Clone(s.messages), func(m string) bool { return !strings.HasPrefix(m, "FIRING") })
	resolved := slices.DeleteFunc(slices.Clone(s.messages), func(m string) bool { return !strings.HasPrefix(m, "RESOLVED") })
	_, _ = fmt.Fprintf(s.display.out,
		"%d runs, %d unexpected, %d missed; an alert fired %d times and was resolved %d times; %d Slack messages\n",
		runs, unexpected, missed, len(fired), len(resolved), len(s.messages))
}

// newSlackStage starts a stand-in for Slack and draws the messages that it receives.
func newSlackStage(screen *screen) *slackstub.Server {
	server := slackstub.New()
	server.Watch(func(m slackstub.Message) { screen.message(stageMessage(m)) })
	return server
}

// stageMessage turns a received message back into a slack.Message.
func stageMessage(posted slackstub.Message) slack.Message {
	m := slack.Message{Text: posted.Text, Event: alert.EventFiring, Severity: alert.Critical}
	if strings.HasPrefix(posted.Text, "RESOLVED") {
		m.Event = alert.EventResolved
	}
	if strings.HasPrefix(posted.Text, "ENDED") {
		m.Event = alert.EventEnded
	}
	var blocks slackapi.Blocks
	if json.Unmarshal([]byte(posted.Blocks), &blocks) == nil {
		m.Blocks = blocks.BlockSet
	}
	return m
}
