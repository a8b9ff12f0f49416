//go:build diagnosis

package diagnosis_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// message is what people received.
type message struct {
	at      time.Time
	event   string // FIRING, UPDATE, RESOLVED or ENDED
	subject string // rule and series
	blames  culprit
	text    string // what a phone shows
	full    string // that and all blocks
}

// reader records what a stage's Slack receives.
type reader struct {
	stage *stage

	mu       sync.Mutex
	messages []message
	edits    map[string]int // how many edits of each message follow has seen, by the message's TS
}

// read records every message from now on, until ctx ends. It records a bot's changes of a message too, but not its replies in threads.
func (s *stage) read(ctx context.Context) *reader {
	r := &reader{stage: s, edits: map[string]int{}}
	s.slack.Watch(func(m slackstub.Message) {
		if m.InChannel() {
			r.record(ctx, &m)
		}
	})
	if s.setup.bot {
		go r.follow(ctx)
	}
	return r
}

// follow records messages that were changed and still say FIRING or UPDATE.
func (r *reader) follow(ctx context.Context) {
	for rest(ctx, 200*time.Millisecond) {
		for _, m := range r.stage.slack.InChannel() {
			if m.Edits > r.edits[m.TS] && !strings.HasPrefix(m.Text, "RESOLVED") {
				m.Text, m.At = "UPDATE"+strings.TrimPrefix(strings.TrimPrefix(m.Text, "UPDATE"), "FIRING"), time.Now()
				r.record(ctx, &m)
			}
			r.edits[m.TS] = m.Edits
		}
	}
}

var heading = regexp.MustCompile(`^(FIRING|UPDATE|RESOLVED|ENDED) (\S+) ([^\s:]+)`)

// record adds a message, with the culprit in the daemon's status at this moment. When the status names none, it takes it from the text.
func (r *reader) record(ctx context.Context, m *slackstub.Message) {
	t := message{at: m.At, text: m.Text, full: m.Text + "\n" + m.Blocks}
	if parts := heading.FindStringSubmatch(m.Text); parts != nil {
		t.event, t.subject = parts[1], parts[2]+" "+parts[3]
		if now, err := r.stage.daemon.status(ctx); err == nil && t.event != "RESOLVED" {
			t.blames = now.blame(parts[2], parts[3])
		}
	}
	if t.blames == "" {
		t.blames = byWords(t.full)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, t)
}

func (r *reader) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.messages...)
}

// fired returns how many messages said FIRING.
func (r *reader) fired() int { return count(r.all(), "FIRING") }

func count(messages []message, event string) (n int) {
	for i := range messages {
		if messages[i].event == event {
			n++
		}
	}
	return n
}

// words lists what a message says for each culprit. The culprit is unknown when a sentence names two possible culprits, or tells the reader
// to look elsewhere first.
func words() []struct {
	say string
	who culprit
} {
	return []struct {
		say string
		who culprit
	}{
		{"Security:", leak},
		{"Our own network failed", network},
		{"our own network is back", network},
		{"squarewatch itself is", watcher},
		{"is refused: it is ours to fix", credential},
		{"login service fails", login},
		{"though it is good", api},
		{"is refused.", unknown},
		{"may not do this", role},
		{"answers with server errors", api},
		{"is missing, or we may not see it", unknown},
		{"limits our requests", api},
		{"does not accept the probe", unknown},
		{"redirects elsewhere", unknown},
		{"answers, but not what the probe expects", api},
		{"does not answer in time", unknown},
		{"name cannot be resolved", unknown},
		{"cannot be reached", unknown},
		{"No trusted TLS connection", api},
		{"break off or are not HTTP", unknown},
	}
}

// byWords returns whom a message names.
func byWords(text string) culprit {
	for _, w := range words() {
		if strings.Contains(text, w.say) {
			return w.who
		}
	}
	return unknown
}
