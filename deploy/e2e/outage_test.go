//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// How long the collector is away. squarewatch is killed in the middle.
const (
	outage = 60 * time.Second
	kill   = 30 * time.Second
)

// TestNoTraceIsLostToAnOutage stops a real Jaeger for a minute, kills squarewatch with SIGKILL in the middle, and then looks
// for the trace of every run of that time: each of them was unexpected.
func TestNoTraceIsLostToAnOutage(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			o := newOutage(t, protocol)
			o.start(t)
			eventually(t, 30*time.Second, "a trace arrives while all is well", func() bool {
				return len(o.arrived(t, o.asked(time.Time{}, time.Now()))) > 0
			})
			o.jaeger.stop(t)
			from := time.Now()
			<-time.After(kill)
			if err := o.daemon.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = o.daemon.Wait()   // it was killed
			o.killed = time.Now() // it asked until now
			o.start(t)
			<-time.After(time.Until(from.Add(outage)))
			until := time.Now()
			o.jaeger.start(t)
			eventually(t, 2*time.Minute, "the spool is empty", func() bool { return scrape(t, o.listen, "squarewatch_spool_bytes", nil) == 0 })
			o.check(t, from, until)
		})
	}
}

// outageTest is a daemon, its target and its collector.
type outageTest struct {
	api    *aisquaretest.API
	jaeger *restartable
	file   string
	listen string
	daemon *exec.Cmd
	killed time.Time
}

func newOutage(t *testing.T, protocol string) *outageTest {
	t.Helper()
	o := &outageTest{
		api: aisquaretest.New(aisquaretest.Options{KeepRequests: 1_000_000}), jaeger: newRestartable(t), listen: "127.0.0.1:" + freePort(t),
		file: filepath.Join(t.TempDir(), "squarewatch.yaml"),
	}
	target := aisquaretest.Start(o.api)
	t.Cleanup(target.Close)
	o.api.SetFault(feedPath, aisquaretest.Fault{Status: 500, Body: `{"detail": "database is on fire"}`})
	port := o.jaeger.grpc
	if protocol != "grpc" {
		port = o.jaeger.http
	}
	var probes strings.Builder
	for i := range 5 {
		fmt.Fprintf(&probes, "  - {name: feed-%d, path: %s}\n", i, feedPath)
	}
	config := fmt.Sprintf("target: %s\ncatalogue: none\ndefaults: {schedule: '@every 1s'}\nrules: []\nprobes:\n%s"+
		"telemetry: {otlp: {endpoint: 'http://127.0.0.1:%s', protocol: %s}}\nlisten: %s\nstate_dir: %s\n",
		target.URL, &probes, port, protocol, o.listen, filepath.Join(filepath.Dir(o.file), "state"))
	if err := os.WriteFile(o.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *outageTest) start(t *testing.T) {
	t.Helper()
	o.daemon = exec.CommandContext(t.Context(), binary(t), "run", "--config", o.file)
	o.daemon.Env = append(os.Environ(), "OTEL_METRICS_EXPORTER=none") // Jaeger takes none
	start(t, o.daemon)
	eventually(t, 30*time.Second, "ready", func() bool {
		status, _, err := get(t.Context(), "http://"+o.listen+"/-/ready")
		return err == nil && status == http.StatusOK
	})
}

// asked returns the traces that the target was asked with, and when.
func (o *outageTest) asked(from, until time.Time) map[string]time.Time {
	traces := map[string]time.Time{}
	for _, r := range o.api.Requests() {
		if parts := strings.Split(r.TraceParent, "-"); len(parts) == 4 && r.Time.After(from) && r.Time.Before(until) {
			traces[parts[1]] = r.Time
		}
	}
	return traces
}

// arrived returns how many spans each trace has in Jaeger. Traces without spans are not in it.
func (o *outageTest) arrived(t *testing.T, traces map[string]time.Time) map[string]int {
	t.Helper()
	spans := map[string]int{}
	for id := range traces {
		if found := o.jaeger.trace(t.Context(), id); len(found) > 0 {
			spans[id] = len(found)
		}
	}
	return spans
}

// check looks for every trace of the outage. Only what was still in the queue in memory when squarewatch was killed may be missing:
// a fifth of a second, and here a second, because machines are slow.
func (o *outageTest) check(t *testing.T, from, until time.Time) {
	t.Helper()
	asked := o.asked(from, until)
	spans := o.arrived(t, asked)
	missing, excused, incomplete := 0, 0, 0
	for id, at := range asked {
		switch n := spans[id]; {
		case n == 0 && at.Before(o.killed) && o.killed.Sub(at) < time.Second:
			excused++
		case n == 0:
			missing++
			t.Errorf("the trace %s of %v, %v before the kill, is not in Jaeger", id, at, o.killed.Sub(at))
		case n < 4: // the run, its exchange, and at least two phases
			incomplete++
			t.Errorf("the trace %s has %d spans only", id, n)
		}
	}
	t.Logf("Jaeger was away for %v: %d unexpected runs, %d traces in Jaeger, %d missing, %d incomplete, "+
		"%d lost with the last second before the kill",
		until.Sub(from).Round(time.Millisecond), len(asked), len(spans), missing, incomplete, excused)
	if len(asked) < 200 {
		t.Errorf("want about 300 runs, got %d: too few for this test", len(asked))
	}
	if dropped := scrape(t, o.listen, "squarewatch_spool_dropped_total", nil); dropped != 0 {
		t.Errorf("want nothing dropped, got %v spans", dropped)
	}
}

// restartable is a Jaeger that can be stopped and started again on the same ports. It keeps nothing over a stop.
type restartable struct {
	jaeger
	env    []string
	health string
	cmd    *exec.Cmd
}

func newRestartable(t *testing.T) *restartable {
	t.Helper()
	r := &restartable{jaeger: jaeger{grpc: freePort(t), http: freePort(t), query: freePort(t)}, health: freePort(t)}
	r.env = append(os.Environ(), "JAEGER_OTLP_GRPC="+r.grpc, "JAEGER_OTLP_HTTP="+r.http,
		"JAEGER_QUERY_HTTP="+r.query, "JAEGER_QUERY_GRPC="+freePort(t), "JAEGER_HEALTH="+r.health)
	r.start(t)
	return r
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	r.cmd = exec.CommandContext(t.Context(), "../jaeger/run.sh")
	r.cmd.Env = r.env
	start(t, r.cmd)
	eventually(t, 5*time.Minute, "Jaeger is healthy", func() bool {
		status, _, err := get(t.Context(), "http://127.0.0.1:"+r.health+"/status")
		return err == nil && status == http.StatusOK
	})
}

func (r *restartable) stop(t *testing.T) {
	t.Helper()
	if _, err := stop(t, r.cmd); err != nil {
		t.Fatal(err)
	}
}
