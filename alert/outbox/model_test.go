package outbox_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"

	"pgregory.net/rapid"
)

// system holds the engine, an outbox process that can be killed, its database, and a notifier with a Slack that fails on request. It also
// keeps all results and all accepted messages, and counts them again to check the messages.
type system struct {
	outer    *testing.T
	path     string
	rule     alert.Rule
	engine   *alert.Engine
	process  *process
	results  []*probe.Result
	silences []alert.Silence
	joined   []alert.Incident // as they were when they joined another one

	slack    *slackstub.Slack // the destination
	notifier *slack.Notifier

	mu        sync.Mutex
	attempts  []outbox.Notification // every attempt to deliver
	confirmed map[int]bool          // attempts whose success was reported to the outbox
	taken     []int                 // numbers of the attempts that the channel or a thread shows, in order

	steps   []string
	failure string // the first fault; reported outside the bubble
}

// fault records what is wrong.
func (s *system) fault(format string, arguments ...any) {
	if s.failure == "" {
		s.failure = fmt.Sprintf(format, arguments...) + fmt.Sprintf("\nsteps: %v", s.steps)
	}
}

// attemptKey is the context key of an attempt's number, which a header carries to Slack.
type attemptKey struct{}

const attemptHeader = "X-Attempt"

// Deliver passes a message to the real notifier.
func (s *system) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	s.mu.Lock()
	number := len(s.attempts)
	s.attempts = append(s.attempts, n)
	for _, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
		for i := range s.silences {
			if incident.Series == "a" && s.silences[i].Active(time.Now()) {
				s.fault("%s of a silenced incident was delivered at %v", n.Event, time.Since(start()))
			}
		}
	}
	s.mu.Unlock()
	ref, err := s.notifier.Deliver(context.WithValue(ctx, attemptKey{}, number), n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed[number] = err == nil
	return ref, err
}

// posted records what the channel or a thread shows, even if the process that sent it was killed.
func (s *system) posted(m slackstub.Message) {
	number, err := strconv.Atoi(m.Header.Get(attemptHeader))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fault("the message has no attempt number: %v", err)
		return
	}
	s.taken = append(s.taken, number)
}

// marking is a transport that adds the number of the attempt to each request.
type marking struct{ next http.RoundTripper }

func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	marked := r.Clone(r.Context())
	marked.Header.Set(attemptHeader, fmt.Sprint(r.Context().Value(attemptKey{})))
	return m.next.RoundTrip(marked)
}

// behaviours returns the failures of Slack by name. Slack has one at a time; setBehaviour replaces it.
func behaviours() map[string]slackstub.Fault {
	return map[string]slackstub.Fault{
		"works":           {},
		"limits the rate": {Status: http.StatusTooManyRequests, RetryAfter: "7"},
		"drops requests":  {CutBefore: true},
		"loses answers":   {CutAfter: true},
		"down":            {Status: http.StatusServiceUnavailable},
		"slow":            {Delay: 3 * time.Second},
		"refuses blocks":  {NoBlocks: true},
		"archived":        {},
		"locked":          {},
		"refuses edits":   {},
	}
}

// setBehaviour changes how Slack behaves.
func (s *system) setBehaviour(behaviour string) {
	s.slack.Always(behaviours()[behaviour])
	s.slack.Archive(behaviour == "archived")
	s.slack.LockThreads(behaviour == "locked")
	s.slack.CloseEditing(behaviour == "refuses edits")
}

// connect creates the destination: a strict Slack in memory, reached by webhook or by a bot.
func (s *system) connect(kind string) (end func()) {
	const address = "http://127.0.0.1"
	s.slack = slackstub.NewSlack(address)
	s.slack.Watch(s.posted)
	pipe := aisquaretest.NewPipe(s.slack)
	transport := &http.Transport{DialContext: pipe.Dial}
	settings := slack.Settings{WebhookURL: secret.New(s.slack.Webhook())}
	if kind == "bot" {
		settings = slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, APIURL: address + "/api"}
	}
	s.notifier = slack.New(settings, slack.Options{Client: &http.Client{Transport: marking{transport}}})
	s.setBehaviour("works")
	return func() {
		transport.CloseIdleConnections()
		pipe.Shutdown()
	}
}

// startProcess starts a process that continues where the previous one stopped.
func (s *system) startProcess() {
	s.engine = engine(s.outer, alert.EngineOptions{Rules: []alert.Rule{s.rule}, Probes: probes("a", "b")})
	s.process = begin(s.outer, s.path, map[string]outbox.Destination{"ops": {Notifier: s}}, s.silences...)
	now := time.Now()
	states, err := s.process.store.States(s.outer.Context(), now)
	if err != nil {
		s.fault("%v", err)
	}
	s.engine.Restore(states)
	for _, r := range s.results {
		if now.Sub(r.End) <= s.rule.Window {
			s.engine.Recall(r)
		}
	}
	s.engine.Resume(now)
	s.add(s.engine.Mute(s.silences, now))
	s.add(s.engine.Reannounce(now))
}

func (s *system) add(changes []alert.Transition) {
	for _, c := range changes {
		if c.Event == alert.EventFiring && c.Incident.Leader != "" {
			s.joined = append(s.joined, c.Incident)
		}
		s.process.Add(c)
	}
}

// advance lets time pass, one second at a time.
func (s *system) advance(seconds int) {
	for range seconds {
		<-time.After(time.Second)
		s.add(s.engine.Advance(time.Now()))
	}
	synctest.Wait()
}

func (s *system) record(format string, arguments ...any) {
	s.steps = append(s.steps, fmt.Sprintf("%.0f:", time.Since(start()).Seconds())+fmt.Sprintf(format, arguments...))
}

// move is one event. rapid stops a case with a panic, which must not leave a bubble. So all moves are drawn before the bubble begins.
type move struct {
	kind, probe, behaviour string
	code, seconds          int
	culprit                probe.Blame // of a bad run
}

func drawMove(t *rapid.T) move {
	return move{
		kind:      rapid.SampledFrom(append(slices.Repeat([]string{"run"}, 6), "behaviour", "restart", "silence", "wait")).Draw(t, "kind"),
		probe:     rapid.SampledFrom([]string{"a", "b"}).Draw(t, "probe"),
		behaviour: rapid.SampledFrom(slices.Sorted(maps.Keys(behaviours()))).Draw(t, "behaviour"),
		code:      rapid.SampledFrom([]int{200, 500, 500}).Draw(t, "code"),
		seconds:   rapid.IntRange(1, 60).Draw(t, "seconds"),
		culprit: rapid.SampledFrom([]probe.Blame{
			probe.BlameNone, probe.BlameAPI, probe.BlameAPI, probe.BlameAPI, probe.BlameUnknown, probe.BlameGateway,
		}).Draw(t, "culprit"),
	}
}

func (s *system) do(m move) {
	now := time.Now()
	switch m.kind {
	case "run":
		r := result(m.probe, now, m.code)
		if !r.Expected {
			r.Blame = m.culprit
		}
		s.results = append(s.results, r)
		s.record("%s%d%s", r.Probe, r.Code, r.Blame)
		s.add(s.engine.Observe(r))
		s.advance(1)
	case "behaviour":
		s.setBehaviour(m.behaviour)
		s.record("%s", m.behaviour)
	case "restart":
		s.record("restart after %ds", m.seconds)
		s.process.kill()
		<-time.After(time.Duration(m.seconds) * time.Second)
		s.startProcess()
		synctest.Wait() // what waits is sent before the next move, such as a silence
	case "silence":
		s.record("silence %ds", m.seconds)
		s.mu.Lock()
		s.silences = []alert.Silence{{ID: "s", Probes: []string{"a"}, From: now, Until: now.Add(time.Duration(m.seconds) * time.Second)}}
		s.mu.Unlock()
		s.process.Mute(s.silences)
		s.add(s.engine.Mute(s.silences, now))
	case "wait":
		s.record("wait %ds", m.seconds)
		s.advance(m.seconds)
	}
}

func TestMessagesAlwaysMatchTheIncidents(t *testing.T) {
	onlySQLite(t, "copies a database as a file")
	directory := t.TempDir()
	template := filepath.Join(directory, "template.db")
	_, db := openStore(t, template)
	if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	empty, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(directory, fmt.Sprintf("%d.db", n))
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			rt.Fatal(err)
		}
		moves := rapid.SliceOfN(rapid.Custom(drawMove), 5, 60).Draw(rt, "moves")
		kind := rapid.SampledFrom([]string{"webhook", "bot"}).Draw(rt, "kind")
		reopen := time.Duration(rapid.SampledFrom([]int{-1, 20, 600}).Draw(rt, "reopen")) * time.Second
		var s *system
		synctest.Test(t, func(t *testing.T) {
			s = &system{outer: t, path: path, confirmed: map[int]bool{}}
			defer s.connect(kind)()
			s.rule = rule(func(r *alert.Rule) {
				r.Window, r.Threshold, r.Clear, r.MinRuns = time.Minute, 0.5, 0.3, 3
				r.Repeat, r.Reopen = -1, reopen
			})
			s.startProcess()
			for _, m := range moves {
				s.do(m)
			}
			s.setBehaviour("works")
			s.advance(900) // every waiting message is sent, refused ones are retried, and every silence has ended
			s.check()
			for range 4 {
				s.do(move{kind: "run", probe: "a", code: http.StatusOK})
				s.do(move{kind: "run", probe: "b", code: http.StatusOK})
			}
			s.advance(900)
			s.checkEveryJoined()
			for _, reason := range s.slack.Refused() {
				if !slices.Contains([]string{
					"channel_is_archived", "is_archived", "is_inactive", "restricted_action_thread_locked", "edit_window_closed",
				}, reason) {
					s.fault("Slack refused a message: %s", reason)
				}
			}
			s.process.kill()
		})
		if s.failure != "" {
			rt.Fatal(s.failure)
		}
	})
}
