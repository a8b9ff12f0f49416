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

	"squarewatch/config/setting"
)

// system is everything from results to messages: a process that can be killed, a disk that stays, and the real notifier with a strict
// Slack that fails in every way. A model beside it keeps all results and all accepted messages, and recounts them.
type system struct {
	outer    *testing.T
	path     string
	rule     alert.Rule
	engine   *alert.Engine
	process  *process
	results  []*probe.Result
	silences []alert.Silence

	slack    *slackstub.Slack // the destination
	notifier *slack.Notifier

	mu        sync.Mutex
	attempts  []outbox.Notification // every attempt to deliver
	confirmed map[int]bool          // attempts whose success was reported to the outbox
	taken     []int                 // attempts that the channel or a thread shows, in order

	steps   []string
	failure string // the first fault; reported outside the bubble
}

// fault records what is wrong.
func (w *system) fault(format string, arguments ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, arguments...) + fmt.Sprintf("\nsteps: %v", w.steps)
	}
}

// attemptKey is the context key of an attempt's number, which a header carries to Slack.
type attemptKey struct{}

const attemptHeader = "X-Attempt"

// Deliver passes a message to the real notifier.
func (w *system) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	w.mu.Lock()
	number := len(w.attempts)
	w.attempts = append(w.attempts, n)
	for _, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
		for i := range w.silences {
			if incident.Series == "a" && w.silences[i].Active(time.Now()) {
				w.fault("%s of a silenced incident was delivered at %v", n.Event, time.Since(start()))
			}
		}
	}
	w.mu.Unlock()
	ref, err := w.notifier.Deliver(context.WithValue(ctx, attemptKey{}, number), n)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.confirmed[number] = err == nil
	return ref, err
}

// posted records what the channel or a thread shows, also when the process that sent it was killed.
func (w *system) posted(m slackstub.Message) {
	number, err := strconv.Atoi(m.Header.Get(attemptHeader))
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.fault("a message of no attempt: %v", err)
		return
	}
	w.taken = append(w.taken, number)
}

// marking is a transport that adds the number of the attempt to each request.
type marking struct{ next http.RoundTripper }

func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	marked := r.Clone(r.Context())
	marked.Header.Set(attemptHeader, fmt.Sprint(r.Context().Value(attemptKey{})))
	return m.next.RoundTrip(marked)
}

// behaviours returns how Slack may behave. Each one ends when the next begins.
func behaviours() map[string]slackstub.Fault {
	return map[string]slackstub.Fault{
		"well":           {},
		"limiting":       {Status: http.StatusTooManyRequests, RetryAfter: "7"},
		"gone":           {CutBefore: true},
		"losing answers": {CutAfter: true},
		"down":           {Status: http.StatusServiceUnavailable},
		"slow":           {Delay: 3 * time.Second},
		"plain":          {NoBlocks: true},
		"archived":       {},
		"locked":         {},
		"closed":         {},
	}
}

// setBehaviour changes how Slack behaves.
func (w *system) setBehaviour(behaviour string) {
	w.slack.Always(behaviours()[behaviour])
	w.slack.Archive(behaviour == "archived")
	w.slack.LockThreads(behaviour == "locked")
	w.slack.CloseEditing(behaviour == "closed")
}

// connect creates the destination: a strict Slack in memory, reached by webhook or by a bot.
func (w *system) connect(kind string) (end func()) {
	const address = "http://127.0.0.1"
	w.slack = slackstub.NewSlack(address)
	w.slack.Watch(w.posted)
	pipe := aisquaretest.NewPipe(w.slack)
	transport := &http.Transport{DialContext: pipe.Dial}
	settings := slack.Settings{WebhookURL: secret.New(w.slack.Webhook())}
	if kind == "bot" {
		settings = slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, APIURL: address + "/api"}
	}
	w.notifier = slack.New(settings, slack.Options{Client: &http.Client{Transport: marking{transport}}})
	w.setBehaviour("well")
	return func() {
		transport.CloseIdleConnections()
		pipe.Shutdown()
	}
}

// start starts a process that continues where the previous one stopped.
func (w *system) start() {
	w.engine = engine(w.outer, alert.EngineOptions{Rules: []alert.Rule{w.rule}, Probes: probes("a", "b")})
	w.process = begin(w.outer, w.path, map[string]outbox.Destination{"ops": {Notifier: w}}, w.silences...)
	now := time.Now()
	states, err := w.process.store.States(w.outer.Context(), now)
	if err != nil {
		w.fault("%v", err)
	}
	w.engine.Restore(states)
	for _, r := range w.results {
		if now.Sub(r.End) <= w.rule.Window {
			w.engine.Recall(r)
		}
	}
	w.engine.Resume(now)
	w.add(w.engine.Mute(w.silences, now))
	w.add(w.engine.Reannounce(now))
}

func (w *system) add(changes []alert.Transition) {
	for _, c := range changes {
		w.process.Add(c)
	}
}

// advance lets time pass, one second at a time.
func (w *system) advance(seconds int) {
	for range seconds {
		<-time.After(time.Second)
		w.add(w.engine.Advance(time.Now()))
	}
	synctest.Wait()
}

func (w *system) record(format string, arguments ...any) {
	w.steps = append(w.steps, fmt.Sprintf("%.0f:", time.Since(start()).Seconds())+fmt.Sprintf(format, arguments...))
}

// move is one event. All are drawn before the bubble begins, because rapid leaves a bubble by panics.
type move struct {
	kind, probe, behaviour string
	code, seconds          int
}

func drawMove(t *rapid.T) move {
	return move{
		kind:      rapid.SampledFrom(append(slices.Repeat([]string{"run"}, 6), "behaviour", "restart", "silence", "wait")).Draw(t, "kind"),
		probe:     rapid.SampledFrom([]string{"a", "b"}).Draw(t, "probe"),
		behaviour: rapid.SampledFrom(slices.Sorted(maps.Keys(behaviours()))).Draw(t, "behaviour"),
		code:      rapid.SampledFrom([]int{200, 500, 500}).Draw(t, "code"),
		seconds:   rapid.IntRange(1, 60).Draw(t, "seconds"),
	}
}

func (w *system) do(m move) {
	now := time.Now()
	switch m.kind {
	case "run":
		r := result(m.probe, now, m.code)
		w.results = append(w.results, r)
		w.record("%s%d", r.Probe, r.Code)
		w.add(w.engine.Observe(r))
		w.advance(1)
	case "behaviour":
		w.setBehaviour(m.behaviour)
		w.record("%s", m.behaviour)
	case "restart":
		w.record("restart after %ds", m.seconds)
		w.process.kill()
		<-time.After(time.Duration(m.seconds) * time.Second)
		w.start()
	case "silence":
		w.record("silence %ds", m.seconds)
		w.mu.Lock()
		w.silences = []alert.Silence{{ID: "s", Probes: []string{"a"}, From: now, Until: now.Add(time.Duration(m.seconds) * time.Second)}}
		w.mu.Unlock()
		w.process.Mute(w.silences)
		w.add(w.engine.Mute(w.silences, now))
	case "wait":
		w.record("wait %ds", m.seconds)
		w.advance(m.seconds)
	}
}

// caused recounts the window at the time when the threshold was crossed: with the run that ended then, or without it, when passing time
// crossed it.
func (w *system) caused(s *said) bool {
	at := s.incident.Crossed
	crossed := func(known func(end time.Time) bool) bool {
		runs, bad := 0, 0
		width := int64(w.rule.Window / 60)
		for _, r := range w.results {
			if r.Probe != s.incident.Series || !known(r.End) || r.End.UnixNano()/width <= at.UnixNano()/width-60 {
				continue
			}
			runs++
			if !r.Expected && probe.MatchAny(w.rule.On, r.Outcome()) {
				bad++
			}
		}
		return runs >= w.rule.MinRuns && setting.Share(bad)/setting.Share(runs) >= w.rule.Threshold
	}
	return crossed(func(end time.Time) bool { return !end.After(at) }) || crossed(func(end time.Time) bool { return end.Before(at) })
}

// said is one incident in an accepted message.
type said struct {
	event    alert.Event
	at       time.Time
	incident alert.Incident
	folded   bool
	lost     bool // its answer was lost
}

// of returns the messages about a series, in order; one message may report several incidents.
func (w *system) of(series string) []said {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []said
	for _, number := range w.taken {
		n := &w.attempts[number]
		for k, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
			if incident.Series == series {
				list = append(list, said{n.Event, n.At, incident, n.Folded > 0 || k > 0, !w.confirmed[number]})
			}
		}
	}
	return list
}

// check compares the accepted messages with the incidents.
func (w *system) check() {
	for _, series := range []string{"a", "b"} {
		believed, log := false, ""
		var before said
		for _, m := range w.of(series) {
			log += fmt.Sprintf("\n%.0f %s %s folded %v", m.at.Sub(start()).Seconds(), m.event, m.incident.ID, m.folded)
			repeat := before.lost && before.incident.ID == m.incident.ID
			switch m.event {
			case alert.EventFiring:
				if !w.caused(&m) {
					w.fault("%s fires without a cause:%s", series, log)
				}
				if believed && !repeat {
					w.fault("%s was told to fire twice:%s", series, log)
				}
				believed = true
			case alert.EventResolved, alert.EventEnded:
				if !believed && !m.folded && !repeat {
					w.fault("%s was told to be over, and nobody knew:%s", series, log)
				}
				believed = false
			case alert.EventUpdate:
				if !believed && !repeat {
					w.fault("%s was told to go on, and nobody knew:%s", series, log)
				}
				believed = true
			case alert.EventTest:
			}
			before = m
		}
		fires := slices.ContainsFunc(w.engine.Incidents(), func(i alert.Incident) bool { return i.Series == series })
		if believed != fires {
			w.fault("%s fires: %v, but people believe %v:%s", series, fires, believed, log)
		}
	}
}

func TestMessagesAlwaysMatchTheIncidents(t *testing.T) {
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
		var w *system
		synctest.Test(t, func(t *testing.T) {
			w = &system{outer: t, path: path, confirmed: map[int]bool{}}
			defer w.connect(kind)()
			w.rule = rule(func(r *alert.Rule) {
				r.Window, r.Threshold, r.Clear, r.MinRuns = time.Minute, 0.5, 0.3, 3
				r.Repeat, r.Reopen = -1, reopen
			})
			w.start()
			for _, m := range moves {
				w.do(m)
			}
			w.setBehaviour("well")
			w.advance(900) // every waiting message is sent, refused ones are retried, and every silence has ended
			w.check()
			for _, reason := range w.slack.Refused() {
				if !slices.Contains([]string{
					"channel_is_archived", "is_archived", "is_inactive", "restricted_action_thread_locked", "edit_window_closed",
				}, reason) {
					w.fault("Slack refused a message: %s", reason)
				}
			}
			w.process.kill()
		})
		if w.failure != "" {
			rt.Fatal(w.failure)
		}
	})
}
