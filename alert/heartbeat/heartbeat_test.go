package heartbeat_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/heartbeat"
	"squarewatch/config/secret"
	"squarewatch/probe"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPingsOnlyWhileEverythingWorks counts pings while everything works, while a part does not work, and while the switch fails.
func TestPingsOnlyWhileEverythingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var mu sync.Mutex
		pings, trouble, status := 0, "", http.StatusOK
		var failure error
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			heartbeat.Run(ctx, heartbeat.Options{
				Settings: func() (heartbeat.Settings, time.Time) {
					return heartbeat.Settings{URL: secret.New("https://hc.example.org/hush"), Schedule: probe.MustSchedule("@every 1m")}, began
				},
				Trouble: func() string {
					mu.Lock()
					defer mu.Unlock()
					return trouble
				},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					mu.Lock()
					defer mu.Unlock()
					pings++
					return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, failure
				})},
			})
		}()
		step := func(want int, what string, change func()) {
			t.Helper()
			mu.Lock()
			pings = 0
			change()
			mu.Unlock()
			<-time.After(10 * time.Minute)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if pings != want {
				t.Errorf("%s: want %d pings in 10 minutes, got %d", what, want, pings)
			}
		}
		step(10, "all works", func() {})
		step(0, "a part does not work", func() { trouble = "delivery: ops: 403" })
		step(10, "it works again", func() { trouble = "" })
		step(10, "the switch does not know us", func() { status = http.StatusNotFound })
		step(10, "the switch cannot be reached", func() { status, failure = http.StatusOK, errors.New("no route to host") })
		step(10, "the switch works again", func() { failure = nil })
		cancel()
		<-ended
		for text, want := range map[string]int{
			"the heartbeat is not sent": 2, "the heartbeat is sent again": 2, "delivery: ops: 403": 1, "answered 404": 1, "hush": 0,
		} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("want %q %d times in the log, got %d in %s", text, want, got, &log)
			}
		}
	})
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"http://hc.example.org/x": "url is not an https address", "nonsense": "url is not an https address", "": "url is missing",
		"https://hc.example.org/x": "", "http://127.0.0.1:1/x": "",
	} {
		err := heartbeat.Settings{URL: secret.New(address), Schedule: heartbeat.DefaultSchedule()}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", address, want, err)
		}
	}
}

// TestReachSendsNoPing checks which address Reach asks. It must not ask the address of a ping.
func TestReachSendsNoPing(t *testing.T) {
	for address, want := range map[string]string{
		"https://hc.example.org/hush": "https://hc.example.org/", "https://u:p@hc.example.org/a/hush?x=hush": "https://hc.example.org/",
		"https://hush.example.org": "", "https://hush.example.org/?check=1": "",
	} {
		asked := ""
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r}, nil
		})}
		status, err := heartbeat.Settings{URL: secret.New(address)}.Reach(t.Context(), client, "test")
		if asked != want || (want == "") != errors.Is(err, heartbeat.ErrNoPath) || want != "" && status != http.StatusNotFound {
			t.Errorf("%s: want %q asked, got %q, %d and %v", address, want, asked, status, err)
		}
	}
}
