//go:build soak

package soak_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// interval is the time between two runs of a probe.
const interval = time.Second

// paths are the endpoints of the target. Each has a probe.
func paths() (list []string) {
	for i := range 12 {
		list = append(list, fmt.Sprintf("/endpoint/%d/", i))
	}
	return list
}

// nameOf returns the name of the probe of an endpoint.
func nameOf(path string) string {
	return "p" + strings.TrimSuffix(strings.TrimPrefix(path, "/endpoint/"), "/")
}

// span is a stretch of time.
type span struct{ from, until time.Time }

func (s span) holds(at time.Time, margin time.Duration) bool {
	return at.After(s.from.Add(-margin)) && at.Before(s.until.Add(margin))
}

// silenced is a silence of one probe's messages.
type silenced struct {
	probe       string
	from, until time.Time
}

// stage is the daemon and everything around it.
type stage struct {
	ctx       context.Context //nolint:containedctx // it is that of the whole soak
	binary    string
	file      string
	state     string
	listen    string
	api       *aisquaretest.API
	target    *httptest.Server
	slack     *slackstub.Server
	collector *collector

	processes sync.Mutex // held while the daemon is started or ended
	cmd       *exec.Cmd
	log       bytes.Buffer

	mu       sync.Mutex
	broken   map[string][]*aisquaretest.Fault // by path, the newest last
	extra    int                              // further probes in the file
	silences []silenced
	stood    []span // the process stood still
	busy     []span // a neighbour took a processor
	restarts []span // from the signal until the next start
	kills    []time.Time
}

// collector is a stand-in for an OpenTelemetry collector. It keeps the identifiers of the traces that it accepts.
type collector struct {
	*httptest.Server

	answer atomic.Int64 // the status
	mu     sync.Mutex
	traces map[string]bool // in hexadecimal
}

func newCollector() *collector {
	c := &collector{traces: map[string]bool{}}
	c.answer.Store(http.StatusOK)
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	status := int(c.answer.Load())
	if err != nil || status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	if r.URL.Path != "/v1/traces" {
		return
	}
	var request collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.traces[hex.EncodeToString(s.GetTraceId())] = true
			}
		}
	}
}

// has reports whether a trace arrived.
func (c *collector) has(trace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traces[trace]
}

func newStage(ctx context.Context, binary, dir string) (*stage, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &stage{
		ctx: ctx, binary: binary, file: filepath.Join(dir, "squarewatch.yaml"), state: filepath.Join(dir, "state"), listen: l.Addr().String(),
		api: aisquaretest.New(aisquaretest.Options{KeepRequests: -1}), slack: slackstub.New(), collector: newCollector(),
		broken: map[string][]*aisquaretest.Fault{},
	}
	_ = l.Close()
	s.target = aisquaretest.Start(s.api)
	for _, path := range append(paths(), "/endpoint/further/") {
		s.api.SetFault(path, healthy())
	}
	return s, s.writeFile()
}

func healthy() aisquaretest.Fault {
	header := http.Header{"Content-Type": {"application/json"}}
	return aisquaretest.Fault{Status: http.StatusOK, Header: header, Body: `{"count": 0, "results": []}`}
}

// writeFile writes the configuration.
func (s *stage) writeFile() error {
	s.mu.Lock()
	extra := s.extra
	s.mu.Unlock()
	var probes strings.Builder
	for _, path := range paths() {
		fmt.Fprintf(&probes, "  - {name: %s, path: %s}\n", nameOf(path), path)
	}
	for i := range extra {
		fmt.Fprintf(&probes, "  - {name: further%d, path: /endpoint/further/}\n", i)
	}
	text := fmt.Sprintf(`target: %s
catalogue: none
defaults: {schedule: "@every %v", timeout: 900ms}
probes:
%srules:
  - {name: errors, on: [5xx, 401, transport], window: 10s, threshold: 50%%, clear: 30%%, min_runs: 3, reopen: -1s}
notifiers:
  ops: {slack: {webhook_url: %q}, group_wait: 0s}
telemetry: {otlp: {endpoint: %q, protocol: http/protobuf}}
listen: %s
state_dir: %s
`, s.target.URL, interval, probes.String(), s.slack.Webhook(), s.collector.URL, s.listen, s.state)
	return os.WriteFile(s.file, []byte(text), 0o600)
}

// start starts the daemon, and waits until it is ready.
func (s *stage) start() error {
	s.cmd = exec.CommandContext(s.ctx, s.binary, "run", "--config", s.file)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if _, err := s.get("/-/ready"); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return errors.New("the daemon is not ready after 10 s")
}

// restart ends the daemon by a signal, and starts it again.
func (s *stage) restart(signal syscall.Signal) error {
	s.processes.Lock()
	defer s.processes.Unlock()
	from := time.Now()
	_ = s.cmd.Process.Signal(syscall.SIGCONT) // it may stand still
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		return fmt.Errorf("a stop ended with %w", err)
	}
	err := s.start()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts = append(s.restarts, span{from, time.Now()})
	if signal == syscall.SIGKILL {
		s.kills = append(s.kills, from)
	}
	return err
}

// signal sends a signal to the daemon.
func (s *stage) signal(signal syscall.Signal) error {
	s.processes.Lock()
	defer s.processes.Unlock()
	return s.cmd.Process.Signal(signal)
}

// stop stops the daemon for good.
func (s *stage) stop() error {
	s.processes.Lock()
	defer s.processes.Unlock()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// close ends everything that is left.
func (s *stage) close() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	s.slack.Close()
	s.target.Close()
	s.collector.Close()
}

// get returns a page of the daemon.
func (s *stage) get(path string) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.listen+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %d: %s", path, response.StatusCode, body)
	}
	return string(body), err
}

// command runs a command against the daemon.
func (s *stage) command(arguments ...string) error {
	ctx, cancel := context.WithTimeout(s.ctx, 3*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, s.binary, append(arguments, "--config", s.file)...).Run()
}

// breakPath breaks an endpoint until end is called. Of several faults the newest counts.
func (s *stage) breakPath(path string, what aisquaretest.Fault) (end func()) {
	mine := &what
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[path] = append(s.broken[path], mine)
	s.applyLocked(path)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.broken[path] = slices.DeleteFunc(s.broken[path], func(f *aisquaretest.Fault) bool { return f == mine })
		s.applyLocked(path)
	}
}

func (s *stage) applyLocked(path string) {
	what := healthy()
	if faults := s.broken[path]; len(faults) > 0 {
		what = *faults[len(faults)-1]
		if what.Status == 0 && what.Hang == "" && what.Break == "" { // it is only slow
			what.Status, what.Header, what.Body = healthy().Status, healthy().Header, healthy().Body
		}
	}
	s.api.SetFault(path, what)
}

// note records when a fault disturbs the timing of the daemon.
func (s *stage) note(list *[]span, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, span{time.Now(), time.Now().Add(f.Lasts)})
}

// play runs a plan: warm-up, faults, calm.
func (s *stage) play(plan []fault) error {
	if err := s.start(); err != nil {
		return err
	}
	began := time.Now()
	var running sync.WaitGroup
	errs := make(chan error, len(plan))
	for _, f := range plan {
		running.Go(func() {
			if !s.wait(time.Until(began.Add(f.At))) {
				return
			}
			end, err := kinds()[f.Kind].begin(s, f)
			if err != nil {
				errs <- fmt.Errorf("%v: %w", f, err)
			}
			s.wait(f.Lasts)
			if end != nil {
				end()
			}
		})
	}
	running.Wait()
	s.wait(time.Until(began.Add(endOf(plan) + calm)))
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// wait waits; false when the soak is over.
func (s *stage) wait(d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
