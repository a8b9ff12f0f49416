package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// modelStage plays a history: whole daemons one after another, the target, and the places to which messages go. It records what happens,
// and checks nothing.
type modelStage struct {
	t         *testing.T
	directory string // holds a state directory for each life of the database
	log       *modelLog
	file      modelFile
	process   *modelProcess

	mu       sync.Mutex
	troubles map[string]string // by path of the target
	asked    map[string]int    // requests by path
	refusals map[string]string // by place
}

// modelProcess is one daemon. After a kill the daemon runs for some more seconds, but it reaches no target and no place. Its directory is
// not used again.
type modelProcess struct {
	stage    *modelStage
	number   int
	stateDir string
	dead     atomic.Bool
	daemon   *Daemon
	reloads  chan os.Signal
	listener *aisquaretest.PipeListener
	target   *aisquaretest.Pipe
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// ServeHTTP answers as the target.
func (s *modelStage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	outcome := s.troubles[r.URL.Path]
	if outcome == "half" && s.asked[r.URL.Path]%2 == 0 {
		outcome = "500"
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case !strings.HasPrefix(r.URL.Path, "/part/"):
		w.WriteHeader(http.StatusNotFound)
	case outcome == "hang":
		<-r.Context().Done()
	case outcome == "500" || outcome == "401":
		code, _ := strconv.Atoi(outcome)
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"detail": %q}`, http.StatusText(code))
	default:
		_, _ = w.Write([]byte(`{}`))
	}
}

// modelPlace is the notifier of a process for a place.
type modelPlace struct {
	process *modelProcess
	place   string
}

// Address returns the place, so that the outbox recognizes it after its notifier is renamed.
func (p modelPlace) Address() string { return p.place }

// Deliver records the attempt, and refuses it while the place refuses messages.
func (p modelPlace) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	s := p.process.stage
	if p.process.dead.Load() {
		return "", &outbox.DeliveryError{Reason: "network", Err: errors.New("the process was killed")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := map[string]error{
		"429":     &outbox.DeliveryError{Reason: "rate_limited", RetryAfter: modelRetryAfter, Err: errors.New("too many requests")},
		"500":     &outbox.DeliveryError{Reason: "unavailable", Err: errors.New("internal server error")},
		"refused": &outbox.DeliveryError{Reason: "network", Err: errors.New("connection refused")},
	}[s.refusals[p.place]]
	s.log.told = append(s.log.told, modelMessage{Notification: n, place: p.place, received: time.Now(), refused: err})
	return "", err
}

const modelRetryAfter = 7 * time.Second

// modelSink records runs and missed runs.
type modelSink struct{ process *modelProcess }

// Finished records a run.
func (k modelSink) Finished(r *probe.Result) {
	if !k.process.dead.Load() {
		k.process.stage.note(func(l *modelLog) { l.runs = append(l.runs, modelRun{Result: r, process: k.process.number}) })
	}
}

// Missed records missed runs.
func (k modelSink) Missed(m probe.Miss) {
	if !k.process.dead.Load() {
		k.process.stage.note(func(l *modelLog) { l.misses = append(l.misses, modelMiss{Miss: m, process: k.process.number}) })
	}
}

// note calls write with the log while it holds the lock.
func (s *modelStage) note(write func(*modelLog)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	write(s.log)
}

// begin starts a daemon on a state directory.
func (s *modelStage) begin(stateDir string) {
	p := &modelProcess{
		stage: s, number: len(s.log.processes), stateDir: stateDir, reloads: make(chan os.Signal),
		listener: aisquaretest.NewPipeListener(), target: aisquaretest.NewPipe(s),
	}
	load := func() (*config.Config, error) {
		return loadWithKinds(s.file.text(stateDir), config.Options{}, func(settings slack.Settings) outbox.Notifier {
			return modelPlace{p, path.Base(settings.WebhookURL.Reveal())}
		})()
	}
	s.log.processes = append(s.log.processes, modelSpan{from: time.Now()})
	daemon, err := New(s.t.Context(), Options{
		Load: load, Logger: slog.New(slog.DiscardHandler), Notify: func(string) {}, Listener: p.listener, Sinks: []probe.Sink{modelSink{p}},
		Peer: func(net.Conn) string { return "model" },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if p.dead.Load() {
				return nil, errors.New("the process was killed")
			}
			return p.target.Dial(ctx, network, address)
		},
	})
	if err != nil {
		panic(err) // the model draws only valid configurations
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	p.daemon, p.cancel = daemon, cancel
	p.running.Go(func() {
		if err := daemon.Run(ctx, p.reloads); err != nil && !p.dead.Load() {
			s.note(func(l *modelLog) { l.faults = append(l.faults, fmt.Sprintf("Run: %v", err)) })
		}
	})
	s.process = p
	synctest.Wait()
	s.log.began(s.file, p.number)
}

// end stops the daemon in the normal way, and waits for it.
func (p *modelProcess) end() {
	p.cancel()
	p.running.Wait()
	p.target.Shutdown()
}

// restart stops the daemon in the normal way, and starts the next one after a while.
func (s *modelStage) restart(after time.Duration) {
	p := s.process
	s.log.processes[p.number].stopping = time.Now()
	p.end()
	s.log.ended(false)
	<-time.After(after)
	s.begin(p.stateDir)
}

// kill cuts the daemon off from the target and the places, and copies its database. After a while it starts the next daemon on the copy.
// The caller must end the killed process, which it returns.
func (s *modelStage) kill(after time.Duration) (ghost *modelProcess) {
	p := s.process
	s.log.processes[p.number].stopping = time.Now()
	p.dead.Store(true)
	s.log.ended(true)
	next := s.stateDir(p.number + 1)
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		text, err := os.ReadFile(filepath.Join(p.stateDir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(next, name), text, 0o600)
		}
		if err != nil {
			panic(err)
		}
	}
	p.cancel()
	<-time.After(after)
	s.begin(next)
	return p
}

// stateDir returns a new directory.
func (s *modelStage) stateDir(number int) string {
	directory := filepath.Join(s.directory, strconv.Itoa(number))
	if err := os.Mkdir(directory, 0o700); err != nil {
		panic(err)
	}
	return directory
}

// reload gives the daemon another configuration.
func (s *modelStage) reload(file modelFile) {
	s.file = file
	s.process.reloads <- syscall.SIGHUP
	synctest.Wait()
	s.log.began(file, s.process.number)
}

// post sends a change to the daemon's API, as a person does. It reports whether the daemon accepted it.
func (s *modelStage) post(path, body string) bool {
	client := &http.Client{Transport: &http.Transport{DialContext: s.process.listener.Dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode < http.StatusBadRequest
}

// silence asks for a silence.
func (s *modelStage) silence(scope string, lasts time.Duration) {
	until := time.Now().Add(lasts).Truncate(time.Second)
	quiet := modelSilence{from: time.Now(), until: until}
	_ = json.Unmarshal([]byte("{"+scope+"}"), &quiet)
	if s.post("/api/v1/silences", fmt.Sprintf(`{%s, "until": %q, "by": "model"}`, scope, until.Format(time.RFC3339))) {
		s.log.silences = append(s.log.silences, quiet)
	}
}

// acknowledge acknowledges the oldest incident.
func (s *modelStage) acknowledge() {
	all := s.process.daemon.evaluator.Incidents()
	if len(all) > 0 && s.post("/api/v1/incidents/acknowledge", fmt.Sprintf(`{"incident": %q, "by": "model"}`, all[0].ID)) {
		s.log.acknowledged = append(s.log.acknowledged, modelAcknowledged{
			id: all[0].ID, reopened: all[0].Reopened, looks: len(s.log.looks),
		})
	}
}

// look records what the daemon says of its series and incidents.
func (s *modelStage) look() {
	synctest.Wait()
	v := s.process.daemon.evaluator
	s.note(func(l *modelLog) {
		l.looks = append(l.looks, modelLook{at: time.Now(), era: len(l.eras) - 1, series: v.Snapshot(), incidents: v.Incidents()})
	})
}

// modelAction is one thing to do at a time.
type modelAction struct {
	at time.Duration
	do func()
}

// actions returns what a step does, at its beginning and at its end.
func (s *modelStage) actions(step *modelStep, ghosts *[]*modelProcess) []modelAction {
	set := func(which map[string]string, key, value string) func() {
		return func() { s.note(func(*modelLog) { which[key] = value }) }
	}
	switch step.kind {
	case "trouble":
		return []modelAction{{step.at, set(s.troubles, step.path, step.outcome)}, {step.at + step.lasts, set(s.troubles, step.path, "")}}
	case "refusal":
		return []modelAction{{step.at, set(s.refusals, step.place, step.outcome)}, {step.at + step.lasts, set(s.refusals, step.place, "")}}
	case "silence":
		return []modelAction{{step.at, func() { s.silence(step.silence, step.lasts) }}}
	case "reload":
		return []modelAction{{step.at, func() { s.reload(step.file) }}}
	case "restart":
		return []modelAction{{step.at, func() { s.restart(step.lasts) }}}
	case "kill":
		return []modelAction{{step.at, func() { *ghosts = append(*ghosts, s.kill(step.lasts)) }}}
	}
	return []modelAction{{step.at, s.acknowledge}}
}

// play plays a history and returns what happened.
func play(t *testing.T, directory string, plan modelPlan) *modelLog {
	t.Helper()
	log := &modelLog{}
	synctest.Test(t, func(t *testing.T) {
		log.start = time.Now()
		s := &modelStage{
			t: t, directory: directory, log: log, file: plan.first,
			troubles: map[string]string{}, asked: map[string]int{}, refusals: map[string]string{},
		}
		s.begin(s.stateDir(0))
		var ghosts []*modelProcess
		end := modelTroubles + modelCalm
		var actions []modelAction
		for i := range plan.steps {
			actions = append(actions, s.actions(&plan.steps[i], &ghosts)...)
		}
		for at := 10 * time.Second; at < end; at += 10 * time.Second {
			actions = append(actions, modelAction{at + 20*time.Microsecond, func() {}})
		}
		slices.SortStableFunc(actions, func(a, b modelAction) int { return int(a.at - b.at) })
		for _, a := range actions {
			<-time.After(time.Until(log.start.Add(a.at))) // at once when a restart took longer
			synctest.Wait()
			a.do()
			s.look()
		}
		s.process.end()
		for _, p := range ghosts {
			p.end()
		}
		log.ended(false)
		log.end, log.database = time.Now(), filepath.Join(s.process.stateDir, databaseName)
	})
	return log
}
