package main

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
)

// TestTheScriptOfTheDemo plays the script once. When two endpoints refuse a key that others accept, one incident fires. It does not resolve
// before the endpoint that is probed rarely accepts the key again.
func TestTheScriptOfTheDemo(t *testing.T) {
	file := demoConfig("http://127.0.0.1:1", "http://127.0.0.1:1/services/T0/B0/hush", "", "127.0.0.1:0", memoryDir(t))
	synctest.Test(t, func(t *testing.T) {
		box := &inbox{began: time.Now()}
		s := newSceneWith(t, file, func(o *Options) {
			o.Load = loadWithKinds(file, config.Options{Environ: demoSecrets}, func(slack.Settings) outbox.Notifier { return box })
		})
		defer s.stop()
		ctx, cancel := context.WithCancel(t.Context())
		var playing sync.WaitGroup
		playing.Go(func() { perform(ctx, s.api, newScreen(display{out: io.Discard})) })
		s.after(scriptLength - time.Second)
		synctest.Wait()
		cancel()
		playing.Wait()
		var got []string
		var last time.Duration
		for _, message := range box.take() {
			at, what, _ := strings.Cut(message, " ")
			if !strings.HasPrefix(what, "update") {
				got = append(got, what)
				last, _ = time.ParseDuration(at)
			}
		}
		want := []string{
			"firing server-errors feed", "resolved server-errors feed", "firing unauthenticated partner", "resolved unauthenticated partner",
			"firing unauthenticated partner", "resolved unauthenticated partner",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || last < 49*time.Second {
			t.Errorf("want %q and the last after 49s, got %q after %v", want, got, last)
		}
	})
}
