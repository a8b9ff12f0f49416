package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func newDemoCommand(p process) *cobra.Command {
	var duration setting.Duration
	listen := "127.0.0.1:0"
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show squarewatch at work without an installation: an API with an incident of 500s and one of 401s",
		Long: "Start a stand-in for the AISquare API and one for Slack. The real daemon watches the API, and the command draws the\n" +
			"messages that Slack receives. The script takes about 50 s and repeats every minute. --duration or Ctrl-C\n" +
			"ends it with a summary. Traces are sent to 127.0.0.1:4317 when something listens there.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if duration < 0 {
				return usageError{fmt.Errorf("--duration is %v: write a time above 0, or 0 for never", duration)}
			}
			if duration > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(duration))
				defer cancel()
			}
			return demonstrate(ctx, listen, newScreen(p.display()))
		},
	}
	cmd.Flags().TextVar(&duration, "duration", setting.Duration(0), "end after this `time` with a summary; 0 for never")
	cmd.Flags().StringVar(&listen, "listen", listen, "`address` of the page; port 0 for any free one")
	return cmd
}

// demonstrate runs the daemon against stand-ins until ctx ends. The daemon listens at the given address.
func demonstrate(ctx context.Context, listen string, screen *screen) error {
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: -1})
	target := aisquaretest.Start(api)
	defer target.Close()
	slack := newSlackStage(screen)
	defer slack.Close()
	collector := ""
	if listens(ctx, demoCollector) {
		collector = demoCollector
	}
	kept, err := os.MkdirTemp("", "squarewatch-demo")
	if err != nil {
		return fmt.Errorf("create a state_dir for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(kept) }()
	file := demoConfig(target.URL, slack.Webhook(), collector, listen, kept)
	d, err := New(ctx, Options{
		Load: func() (*config.Config, error) {
			return config.Parse("demo.yaml", []byte(file), config.Options{Kinds: kinds(), Environ: demoSecrets})
		},
		Logger: discardLogger(),
		Notify: func(string) {},
		Sinks:  []probe.Sink{screen},
	})
	if err != nil {
		return err
	}
	screen.opening(target.URL, reachable(d.Addr().String()), collector)
	scripted, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		perform(scripted, api, screen)
	}()
	err = d.Run(ctx, nil)
	stop()
	<-done
	screen.summary()
	return err
}

// demoCollector is where an OTLP collector listens by default.
const demoCollector = "127.0.0.1:4317"

// listens reports whether something accepts connections at an address.
func listens(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// demoSecrets stands in for the environment, so that the demo needs no key of the user.
func demoSecrets(name string) (string, bool) {
	return aisquaretest.DefaultKey, name == "AISQUARE_API_KEY"
}

// demoConfig returns a file like that of a user, with windows that are short enough for a demo.
func demoConfig(target, slack, collector, listen, kept string) string {
	file := fmt.Sprintf(`
target: %s
studio: %s
credentials:
  partner: {api_key: "${env:AISQUARE_API_KEY}"}
defaults: {schedule: "@every 1s", connection: reuse}
catalogue: all
probes:
  - {name: bookings, path: /api/v1/bookings/config/, credential: partner}
  - {name: userinfo, path: /o/userinfo/, credential: partner, schedule: "@every 3s"}
rules:
  - {name: server-errors, on: [5xx], per: probe, window: 10s, threshold: 20%%, min_runs: 5, reopen: -1s}
  - {name: unauthenticated, on: [401], per: credential, window: 10s, threshold: 60%%, min_runs: 5, reopen: -1s}
notifiers:
  ops: {slack: {webhook_url: %q}, group_wait: 0s}
listen: %q
state_dir: %q
`, target, aisquaretest.DefaultStudio, slack, listen, kept)
	if collector != "" {
		file += "telemetry:\n  otlp: {endpoint: \"http://" + collector + "\"}\n  trace_url: \"http://127.0.0.1:16686/trace/{trace_id}\"\n"
	}
	return file
}

// act is one step of the demo's script.
type act struct {
	at   time.Duration
	text string
	do   func(*aisquaretest.API)
}

// scriptLength is the time after which the script repeats.
const scriptLength = time.Minute

// script lists what happens to the API in a minute.
func script() []act {
	const broken, often, rare = "/api/v1/aistudios/experiences/flattened/", "/api/v1/collections/", "/o/userinfo/"
	refused := aisquaretest.Fault{Status: 401, Body: `{"detail": "Authentication credentials were not provided."}`}
	return []act{
		{at: 4 * time.Second, text: "The API begins to answer 500 on " + broken, do: func(api *aisquaretest.API) {
			api.SetFault(broken, aisquaretest.Fault{Status: 500, Body: `{"detail": "OperationalError: too many connections"}`})
		}},
		{at: 9 * time.Second, text: "The API is repaired", do: func(api *aisquaretest.API) { api.ClearFaults() }},
		{at: 20 * time.Second, text: "The API key is revoked", do: func(api *aisquaretest.API) { api.Revoke(aisquaretest.DefaultKey) }},
		{at: 27 * time.Second, text: "The key is restored", do: func(api *aisquaretest.API) { api.Restore(aisquaretest.DefaultKey) }},
		{at: 37 * time.Second, text: "Two endpoints refuse a key that others accept: " + often + ", " + rare, do: func(api *aisquaretest.API) {
			api.SetFault(often, refused)
			api.SetFault(rare, refused)
		}},
		{at: 42 * time.Second, text: often + " is repaired; " + rare + ", which is probed every 3 s, is not", do: func(api *aisquaretest.API) {
			api.ClearFault(often)
		}},
		{at: 49 * time.Second, text: rare + " is repaired too", do: func(api *aisquaretest.API) { api.ClearFaults() }},
	}
}

// perform plays the script until ctx ends.
func perform(ctx context.Context, api *aisquaretest.API, screen *screen) {
	for begin := time.Now(); ; begin = begin.Add(scriptLength) {
		for _, a := range script() {
			if !sleepUntil(ctx, begin.Add(a.at)) {
				return
			}
			screen.act(a.text)
			a.do(api)
		}
		if !sleepUntil(ctx, begin.Add(scriptLength)) {
			return
		}
	}
}

// sleepUntil waits for a time. It returns false when ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
