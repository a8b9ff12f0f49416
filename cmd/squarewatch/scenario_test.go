package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
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

// inbox is a notifier that keeps its notifications, with their time.
type inbox struct {
	mu       sync.Mutex
	began    time.Time
	messages []string
	refused  error // what a report gets; nil to take it
}

func (i *inbox) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = append(i.messages, fmt.Sprintf("%v %s %s %s", time.Since(i.began).Truncate(time.Second), n.Event, n.Incident.Rule,
		n.Incident.Series))
	return "", nil
}

func (i *inbox) take() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	taken := i.messages
	i.messages = nil
	return taken
}

// scene is a whole daemon in a bubble, with an API and an inbox.
type scene struct {
	t       *testing.T
	api     *aisquaretest.API
	inbox   *inbox
	daemon  *Daemon
	file    string
	reloads chan os.Signal
	log     *bytes.Buffer
	halt    func() // ends the daemon
	stop    func() // ends the daemon and the API
	page    *http.Client
}

const sceneFile = `
target: http://127.0.0.1:1
state_dir: none
studio: ai-research-studio
catalogue: [reach, permission-unknown, auth-wall, collections, feed]
credentials: {partner: {api_key: aisq-demo-key}}
defaults: {schedule: "@every 10s"}
rules:
  - {name: server-errors, on: [5xx], window: 1m, threshold: 50%, min_runs: 3}
  - {name: unauthenticated, on: [401], per: credential, window: 1m, threshold: 50%, min_runs: 3}
notifiers: {ops: {slack: {webhook_url: "https://hooks.example.org/x"}, group_wait: 0s}}
`

// newScene starts a daemon at the bubble's midnight.
func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneWith(t, sceneFile, func(*Options) {})
}

// newSceneWith starts a daemon with a file. The function change may change its options.
func newSceneWith(t *testing.T, file string, change func(*Options)) *scene {
	t.Helper()
	s := &scene{
		t: t, api: aisquaretest.New(aisquaretest.Options{}), inbox: &inbox{began: time.Now()}, file: file,
		reloads: make(chan os.Signal), log: &bytes.Buffer{},
	}
	target := aisquaretest.NewPipe(s.api)
	listener := aisquaretest.NewPipeListener()
	s.page = &http.Client{Transport: &http.Transport{DialContext: listener.Dial, DisableKeepAlives: true}}
	options := Options{
		Load:   func() (*config.Config, error) { return loadWith(s.file, s.inbox)() },
		Logger: slog.New(slog.NewTextHandler(s.log, nil)), Notify: func(string) {}, Dial: target.Dial, Listener: listener,
		Peer: func(net.Conn) string { return "tester" }, // as over the socket
	}
	change(&options)
	d, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s.daemon = d
	if status, _ := s.get("/-/ready"); status != 0 {
		t.Errorf("before Run: want no answer, got %d", status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx, s.reloads); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	s.halt = func() {
		cancel()
		running.Wait()
	}
	s.stop = func() {
		s.halt()
		target.Shutdown()
	}
	return s
}

// get reads a page of the daemon; status 0 when it does not answer within a second.
func (s *scene) get(path string) (int, string) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.page.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(resp.Body)
	return resp.StatusCode, body.String()
}

// post sends a body to the daemon, and returns an error when the daemon refuses it.
func (s *scene) post(path, body string) (string, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := s.page.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	_, _ = text.ReadFrom(resp.Body)
	if resp.StatusCode >= http.StatusBadRequest {
		return "", errors.New(text.String())
	}
	return text.String(), nil
}

func (s *scene) after(d time.Duration) { <-time.After(d) }

// loadWith returns a loader of a file in which every notifier is n.
func loadWith(file string, n outbox.Notifier) func() (*config.Config, error) {
	return loadWithKinds(file, config.Options{}, func(slack.Settings) outbox.Notifier { return n })
}

// loadWithKinds returns a loader of a file. The function notifier builds its notifiers from their settings.
func loadWithKinds(file string, options config.Options, notifier func(slack.Settings) outbox.Notifier) func() (*config.Config, error) {
	options.Kinds = kinds()
	options.Kinds.Notifiers = []config.Kind[outbox.Notifier]{
		config.NewKind("slack", slack.Settings{}, func(s slack.Settings, _ *config.Config) (outbox.Notifier, error) { return notifier(s), nil }),
	}
	return func() (*config.Config, error) { return config.Parse("scene.yaml", []byte(file), options) }
}

// expectNoMessage checks that no message was sent.
func (s *scene) expectNoMessage() {
	s.t.Helper()
	synctest.Wait()
	if got := s.inbox.take(); len(got) > 0 {
		s.t.Errorf("want no message, got %v", got)
	}
}

// reload gives the daemon another file.
func (s *scene) reload(file string) {
	s.file = file
	s.reloads <- syscall.SIGHUP
	synctest.Wait()
}

const feed = "/api/v1/aistudios/experiences/flattened/"

func TestOneIncidentIsOneFiringAndOneResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		defer s.stop()
		s.after(10 * time.Minute)
		s.expectNoMessage() // expected 401 and 404 send no message
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(5 * time.Minute)
		if got := s.inbox.take(); len(got) != 1 || !strings.HasSuffix(got[0], "firing server-errors feed") {
			t.Errorf("want one firing, got %v", got)
		}
		s.api.ClearFaults()
		s.after(5 * time.Minute)
		if got := s.inbox.take(); len(got) != 1 || !strings.HasSuffix(got[0], "resolved server-errors feed") {
			t.Errorf("want one resolved, got %v", got)
		}
		s.api.Revoke(aisquaretest.DefaultKey)
		s.after(5 * time.Minute)
		s.api.Restore(aisquaretest.DefaultKey)
		s.after(5 * time.Minute)
		if got := s.inbox.take(); len(got) != 2 || !strings.HasSuffix(got[0], "firing unauthenticated partner") || !strings.HasSuffix(got[1],
			"resolved unauthenticated partner") {
			t.Errorf("want one firing and one resolved of the credential, got %v", got)
		}
	})
}

func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		defer s.stop()
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(3 * time.Minute)
		s.inbox.take()
		s.reload(strings.Replace(sceneFile, "on: [401], per: credential, window: 1m", "on: [401], per: credential, window: 2m", 1))
		s.after(10 * time.Minute)
		s.expectNoMessage() // what fires is not announced again
		s.reload("target: nonsense")
		s.after(10 * time.Minute)
		s.expectNoMessage()
		if !strings.Contains(s.log.String(), "the old configuration stays in force") {
			t.Errorf("want the bad reload in the log, got %s", s.log)
		}
		if _, page := s.get("/metrics"); !strings.Contains(page, `squarewatch_config_reloads_total{outcome="failure"} 1`) ||
			!strings.Contains(page, `squarewatch_config_reloads_total{outcome="success"} 1`) {
			t.Error("want one good and one bad reload counted")
		}
		s.api.ClearFaults()
		s.after(3 * time.Minute)
		if got := s.inbox.take(); len(got) != 1 || !strings.HasSuffix(got[0], "resolved server-errors feed") {
			t.Errorf("want one resolved, got %v", got)
		}
		before := s.api.Total()
		s.after(10 * time.Minute)
		if got := s.api.Total() - before; got != 300 {
			t.Errorf("want 5 probes every 10s for 10m, 300 requests, got %d", got)
		}
		s.reload(sceneFile + "listen: 127.0.0.1:9999\n")
		if !strings.Contains(s.log.String(), "a reload cannot change the port; restart the service") {
			t.Errorf("want the change of listen refused, got %s", s.log)
		}
	})
}

func TestHealthAndReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		synctest.Wait()
		for path, want := range map[string]int{"/-/healthy": 200, "/-/ready": 200, "/metrics": 200, "/nothing": 404} {
			if got, _ := s.get(path); got != want {
				t.Errorf("%s: want %d, got %d", path, want, got)
			}
		}
		s.stop()
	})
}

func TestStoppingWaitsForRunsUpToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.api.SetFault("*", aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		s.after(15 * time.Second)
		begin := time.Now()
		s.stop()
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("want the end within 10s, got %v", took)
		}
		s.expectNoMessage() // a run that the shutdown cut off is not a failure
	})
}

func TestTwoDaemonsLiveInOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newScene(t), newScene(t)
		defer a.stop()
		defer b.stop()
		a.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		a.after(3 * time.Minute)
		if got := a.inbox.take(); len(got) != 1 {
			t.Errorf("the first: want one message, got %v", got)
		}
		b.expectNoMessage()
	})
}

func TestMissesAreLoggedOnceUntilARunFinishes(t *testing.T) {
	var log bytes.Buffer
	m := &missLog{logger: slog.New(slog.NewTextHandler(&log, nil)), logged: map[string]probe.MissReason{}}
	for range 3 {
		m.Missed(probe.Miss{Probe: "p", Reason: probe.MissOverrun, Count: 1})
	}
	m.Missed(probe.Miss{Probe: "q", Reason: probe.MissOverrun, Count: 1})
	m.Finished(&probe.Result{Probe: "p"})
	m.Missed(probe.Miss{Probe: "p", Reason: probe.MissOverrun, Count: 1})
	if got := strings.Count(log.String(), "a run was missed"); got != 3 {
		t.Errorf("want 3 lines, got %d:\n%s", got, log.String())
	}
}
