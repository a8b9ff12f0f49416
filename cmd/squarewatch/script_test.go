package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"squarewatch/alert/notifiertest"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// TestMain lets scripts run the program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"squarewatch": main})
}

// TestScripts runs commands as a user types them. Each file covers one command.
func TestScripts(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	api.SetFault("/broken/", aisquaretest.Fault{Status: 503, Body: `{"detail": "down for repair"}`})
	api.AddUser("demo", "demo-password")
	server := aisquaretest.Start(api)
	t.Cleanup(server.Close) // scripts still run after this function has returned
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	hooks := httptest.NewServer(destinations())
	t.Cleanup(hooks.Close)
	slack, busySlack := slackstub.New(), slackstub.New()
	t.Cleanup(slack.Close)
	t.Cleanup(busySlack.Close)
	busySlack.Always(slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: "7"})
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TARGET", server.URL)
			env.Setenv("BUSY", busy.Addr().String())
			env.Setenv("HOOKS", hooks.URL)
			env.Setenv("SLACK", slack.URL)
			env.Setenv("SLACK_WEBHOOK", slack.Webhook())
			env.Setenv("BUSY_WEBHOOK", busySlack.Webhook())
			env.Setenv("AISQUARE_API_KEY", aisquaretest.DefaultKey)
			free, err := freeAddress(t.Context())
			env.Setenv("LISTEN", free)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// freeAddress returns an address on which nothing listens now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// await runs the program repeatedly, until its exit status is the first argument. The other arguments are those of the program.
func await(ts *testscript.TestScript, _ bool, args []string) {
	const look, patience = 100 * time.Millisecond, time.Minute
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for range int(patience / look) {
		status := "0"
		if exit, ok := errors.AsType[*exec.ExitError](ts.Exec("squarewatch", args[1:]...)); ok {
			status = strconv.Itoa(exit.ExitCode())
		}
		if status == args[0] {
			return
		}
		<-ticker.C
	}
	ts.Fatalf("want squarewatch %v to end with status %s within %v, it did not", args[1:], args[0], patience)
}

// destinations are servers that are not Slack, each under its own path.
func destinations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok/", notifiertest.Answer(http.StatusOK, "", "ok"))
	mux.HandleFunc("/traces/v1/traces", notifiertest.Answer(http.StatusOK, "", "")) // a collector that takes no metrics
	mux.HandleFunc("/otlp/", notifiertest.Answer(http.StatusOK, "", ""))
	mux.HandleFunc("/locked/", notifiertest.Answer(http.StatusUnauthorized, "", ""))
	mux.HandleFunc("/down/", notifiertest.Answer(http.StatusServiceUnavailable, "", ""))
	mux.HandleFunc("/login/", notifiertest.Answer(http.StatusOK, "", "<!DOCTYPE html><title>Log in to the network</title>"))
	mux.HandleFunc("/teams/", notifiertest.Answer(http.StatusOK, "", "1"))
	return mux
}
