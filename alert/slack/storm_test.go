package slack_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
	"squarewatch/probe/aisquaretest"

	"github.com/gorilla/websocket"
)

// listenInMemory runs Listen in a bubble against a handler, for a length of its time.
func listenInMemory(t *testing.T, handler http.Handler, length time.Duration) error {
	t.Helper()
	pipe := aisquaretest.NewPipe(handler)
	defer pipe.Shutdown()
	transport := &http.Transport{DialContext: pipe.Dial}
	defer transport.CloseIdleConnections()
	n := slack.New(slack.Settings{
		BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, AppToken: secret.New(slackstub.AppToken), APIURL: "http://127.0.0.1/api",
	}, slack.Options{Client: &http.Client{Transport: transport}})
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	return n.Listen(ctx, newCounter())
}

// TestConnectionsThatBreakAtOnceAreNoStorm is about a Slack, or a proxy, that takes each connection and drops it.
func TestConnectionsThatBreakAtOnceAreNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, connected := 0, 0
		mux := http.NewServeMux()
		mux.HandleFunc("POST /api/apps.connections.open", func(w http.ResponseWriter, r *http.Request) {
			if opened++; opened > 1000 {
				<-r.Context().Done() // a storm stops the time of the bubble
				return
			}
			_, _ = io.WriteString(w, `{"ok":true,"url":"ws://127.0.0.1/socket"}`)
		})
		mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) {
			connected++
			upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
			if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
				_ = conn.Close()
			}
		})
		if err := listenInMemory(t, mux, time.Hour); err != nil {
			t.Error(err)
		}
		// It doubles from a quarter of a second to a minute, which it reaches within nine; the library opens one for nothing each time.
		if connected < 40 || connected > 140 || opened > 2*connected+1 {
			t.Errorf("want a connection a minute at last, got %d in an hour, and %d requests", connected, opened)
		}
	})
}

// TestASlackThatIsAwayIsTriedForEver is about trouble that ends by itself.
func TestASlackThatIsAwayIsTriedForEver(t *testing.T) {
	for name, answer := range map[string]string{"an error": `{"ok":false,"error":"internal_error"}`, "a web page": "<html>", "nothing": ""} {
		for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusBadGateway} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opened := 0
					err := listenInMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						opened++
						w.WriteHeader(status)
						_, _ = io.WriteString(w, answer)
					}), time.Hour)
					if err != nil || opened < 10 || opened > 200 {
						t.Errorf("want it tried again at growing distances, got %d requests in an hour, %v", opened, err)
					}
				})
			})
		}
	}
}

// TestWhatOnlyAPersonCanMendEndsListening holds the words of apps.connections.open.
func TestWhatOnlyAPersonCanMendEndsListening(t *testing.T) {
	for _, word := range []string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type"} {
		t.Run(word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := listenInMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `{"ok":false,"error":"`+word+`"}`)
				}), time.Hour)
				if err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), "app_token") || strings.Contains(err.Error(), slackstub.AppToken) {
					t.Errorf("want an error that says why and what to do, got %v", err)
				}
			})
		})
	}
}
