package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	slackapi "github.com/slack-go/slack"

	"squarewatch/alert"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe"
)

// screen is what the demo shows: a line now and then, the acts of the script, the Slack messages, and a summary.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	began    time.Time
	told     time.Time
	tallies  map[string]*tally
	messages []string
}

// tally counts the runs of one probe.
type tally struct {
	runs, unexpected, missed int
	classes                  map[probe.Class]int
}

var _ probe.Sink = (*screen)(nil)

func newScreen(out io.Writer) *screen {
	return &screen{out: out, began: time.Now(), told: time.Now(), tallies: map[string]*tally{}}
}

// tally returns the tally of a probe. The lock is held.
func (s *screen) tally(name string) *tally {
	t := s.tallies[name]
	if t == nil {
		t = &tally{classes: map[probe.Class]int{}}
		s.tallies[name] = t
	}
	return t
}

// tellEvery is how often a line says how probing goes.
const tellEvery = 4 * time.Second

// Finished counts a run, and says now and then how many there were.
func (s *screen) Finished(r *probe.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally(r.Probe)
	t.runs++
	t.classes[r.Class]++
	if !r.Expected {
		t.unexpected++
	}
	if now := time.Now(); now.Sub(s.told) >= tellEvery {
		s.told = now
		runs, unexpected, _ := s.sum()
		s.line(fmt.Sprintf("%d runs, %d unexpected; last: %s %s in %s", runs, unexpected, r.Probe, codeText(r.Code), milliseconds(r.Latency())))
	}
}

// Missed counts runs that were not started.
func (s *screen) Missed(m probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally(m.Probe).missed += m.Count
}

func (s *screen) sum() (runs, unexpected, missed int) {
	for _, t := range s.tallies {
		runs, unexpected, missed = runs+t.runs, unexpected+t.unexpected, missed+t.missed
	}
	return runs, unexpected, missed
}

// line prints a line with the time since the beginning. The lock is held.
func (s *screen) line(text string) {
	_, _ = fmt.Fprintf(s.out, "%5.1fs  %s\n", time.Since(s.began).Seconds(), text)
}

func (s *screen) opening(target, listen, collector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("An AISquare stand-in answers at " + target)
	s.line("squarewatch watches it; its metrics are at http://" + listen + "/metrics")
	if collector != "" {
		s.line("Traces go to the collector at " + collector)
	}
}

func (s *screen) act(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("── " + text + " ──")
}

// message draws a Slack message.
func (s *screen) message(m slack.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("Slack gets:")
	_, _ = fmt.Fprintln(s.out, slack.Terminal(m, 0))
	s.messages = append(s.messages, m.Text)
}

func (s *screen) summary() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"probe", "runs", "unexpected", "missed", "classes"})
	for _, name := range sortedKeys(s.tallies) {
		probed := s.tallies[name]
		var classes []string
		for _, class := range probe.Classes() {
			if n := probed.classes[class]; n > 0 {
				classes = append(classes, fmt.Sprintf("%d %s", n, class))
			}
		}
		t.AppendRow(table.Row{name, probed.runs, probed.unexpected, probed.missed, strings.Join(classes, ", ")})
	}
	_, _ = fmt.Fprintln(s.out, t.Render())
	runs, unexpected, missed := s.sum()
	fired := slices.DeleteFunc(slices.Clone(s.messages), func(m string) bool { return !strings.HasPrefix(m, "FIRING") })
	resolved := slices.DeleteFunc(slices.Clone(s.messages), func(m string) bool { return !strings.HasPrefix(m, "RESOLVED") })
	_, _ = fmt.Fprintf(s.out, "%d runs, %d unexpected, %d missed; %d incidents fired, %d resolved, %d Slack messages\n",
		runs, unexpected, missed, len(fired), len(resolved), len(s.messages))
}

// newSlackStage starts a stand-in for Slack and draws the messages that it takes.
func newSlackStage(screen *screen) *slackstub.Server {
	server := slackstub.New()
	server.Watch(func(m slackstub.Message) { screen.message(stageMessage(m)) })
	return server
}

// stageMessage turns what came over the wire back into a message.
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
