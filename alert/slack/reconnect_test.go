package slack_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
	"squarewatch/probe/aisquaretest"

	"github.com/gorilla/websocket"
)

// bubbleAddress is the address of a stand-in that runs in memory.
const bubbleAddress = "http://127.0.0.1"

// inMemoryNotifier sends its requests to a handler in memory, so that it works in a synctest bubble.
type inMemoryNotifier struct {
	*slack.Notifier

	log       safeBuffer
	transport *http.Transport
	pipe      *aisquaretest.Pipe
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// safeBuffer is a buffer that several goroutines may write.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func inMemory(handler http.Handler, settings slack.Settings) *inMemoryNotifier {
	m := &inMemoryNotifier{pipe: aisquaretest.NewPipe(handler)}
	m.transport = &http.Transport{DialContext: m.pipe.Dial}
	m.Notifier = slack.New(settings, slack.Options{TraceURL: traceURL, Client: &http.Client{Transport: m.transport}})
	return m
}

func appSettings() slack.Settings {
	return slack.Settings{
		BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, AppToken: secret.New(slackstub.AppToken), APIURL: bubbleAddress +
			"/api",
	}
}

// listen starts Listen in a goroutine. close stops it.
func (m *inMemoryNotifier) listen(ctx context.Context) {
	ctx, m.stop = context.WithCancel(ctx)
	m.running.Go(func() { m.Listen(ctx, newRecorder(), slog.New(slog.NewTextHandler(&m.log, nil))) })
	synctest.Wait()
}

// close stops all goroutines and connections. synctest requires this.
func (m *inMemoryNotifier) close() {
	if m.stop != nil {
		m.stop()
	}
	m.running.Wait()
	m.transport.CloseIdleConnections()
	m.pipe.Shutdown()
}

// pass waits for a time, and then until every goroutine is blocked.
func pass(length time.Duration) {
	<-time.After(length)
	synctest.Wait()
}

// TestReconnectsSlowDown covers a server that accepts each connection and closes it.
func TestReconnectsSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, connected := 0, 0
		mux := http.NewServeMux()
		mux.HandleFunc("POST /api/apps.connections.open", func(w http.ResponseWriter, r *http.Request) {
			if opened++; opened > 1000 {
				<-r.Context().Done() // block here, since the bubble's time would never advance without pauses
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
		m := inMemory(mux, appSettings())
		defer m.close()
		m.listen(t.Context())
		pass(time.Hour)
		// The pause doubles from 250 ms. The ninth pause is one minute.
		if connected < 40 || connected > 140 || opened != connected {
			t.Errorf("want about one connection a minute, got %d in an hour, and %d requests", connected, opened)
		}
		if got := strings.Count(m.log.String(), "do not work"); got != 1 {
			t.Errorf("want the failure logged once, got %d times:\n%s", got, m.log.String())
		}
	})
}

// TestUnreachableSlackIsRetried covers temporary faults.
func TestUnreachableSlackIsRetried(t *testing.T) {
	for name, answer := range map[string]string{
		"an error":              `{"ok":false,"error":"internal_error"}`,
		"an unknown error code": `{"ok":false,"error":"new_word"}`,
	} {
		for _, status := range []int{http.StatusOK, http.StatusBadGateway} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					opened := 0
					m := inMemory(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						opened++
						w.WriteHeader(status)
						_, _ = io.WriteString(w, answer)
					}), appSettings())
					defer m.close()
					m.listen(t.Context())
					pass(time.Hour)
					if opened < 40 || opened > 200 {
						t.Errorf("want retries with growing pauses, got %d requests in an hour", opened)
					}
				})
			})
		}
	}
}

// TestPermanentFaultsAreShown covers the error codes of apps.connections.open. They are retried slowly, since a person may fix them in
// Slack.
func TestPermanentFaultsAreShown(t *testing.T) {
	for _, word := range []string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type",
		"forbidden_team",
	} {
		t.Run(word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slackstub.NewSlack(bubbleAddress)
				s.Always(slackstub.Fault{Word: word})
				m := inMemory(s, appSettings())
				defer m.close()
				m.listen(t.Context())
				pass(time.Hour)
				if got := m.CommandState(); !got.Wanted || got.Connected ||
					!strings.Contains(got.Fault, word) || !strings.Contains(got.Fault, "app_token") {
					t.Errorf("want the reason and what to do with app_token, got %+v", got)
				}
				if s.Asked() > 8 {
					t.Errorf("want one attempt every ten minutes, got %d in an hour", s.Asked())
				}
				log := m.log.String()
				if strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, word) || strings.Contains(log, slackstub.AppToken) {
					t.Errorf("want one line that says why, got:\n%s", log)
				}
				s.Always(slackstub.Fault{})
				pass(12 * time.Minute)
				if got := m.CommandState(); !got.Connected || got.Fault != "" || strings.Count(m.log.String(), "work again") != 1 {
					t.Errorf("want it connected again, and one line in the log, got %+v\n%s", got, m.log.String())
				}
			})
		})
	}
}

// TestALongOutageIsLoggedAtStartAndEnd checks that an outage of one day logs two lines.
func TestALongOutageIsLoggedAtStartAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slackstub.NewSlack(bubbleAddress)
		m := inMemory(s, appSettings())
		defer m.close()
		m.listen(t.Context())
		pass(time.Hour)
		if s.Opened() != 1 || m.log.String() != "" {
			t.Errorf("want one connection for an hour and no log line, got %d and\n%s", s.Opened(), m.log.String())
		}
		s.Always(slackstub.Fault{Status: http.StatusServiceUnavailable})
		s.DropConnection()
		pass(24 * time.Hour)
		if got := m.CommandState(); got.Connected || got.Fault == "" {
			t.Errorf("want the outage in CommandState, got %+v", got)
		}
		s.Always(slackstub.Fault{})
		pass(time.Hour)
		if log := m.log.String(); strings.Count(log, "do not work") != 1 || strings.Count(log, "work again") != 1 || strings.Count(log,
			"\n") != 2 {
			t.Errorf("want one line for the failure and one for the recovery, got:\n%s", log)
		}
	})
}

// TestAWarningOpensTheNextConnectionFirst covers Slack's warning that a connection will close.
func TestAWarningOpensTheNextConnectionFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slackstub.NewSlack(bubbleAddress)
		m := inMemory(s, appSettings())
		defer m.close()
		m.listen(t.Context())
		pass(time.Hour)
		if err := s.Disconnect("warning"); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if s.Opened() != 2 || s.Connected() != 2 || s.Asked() != 2 {
			t.Errorf("want two connections and no more, got %d opened, %d open, %d requests", s.Opened(), s.Connected(), s.Asked())
		}
		s.DropConnection()
		pass(time.Hour)
		if s.Opened() != 2 || s.Connected() != 1 || !m.CommandState().Connected || m.log.String() != "" {
			t.Errorf("want the second connection alone and no log line, got %d opened, %d open\n%s", s.Opened(), s.Connected(), m.log.String())
		}
		if err := s.Disconnect("refresh_requested"); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if s.Opened() != 3 || s.Connected() != 1 || s.Asked() != 3 || m.log.String() != "" {
			t.Errorf("want a third connection instead and no log line, got %d opened, %d open\n%s", s.Opened(), s.Connected(), m.log.String())
		}
	})
}

// TestDisabledSocketModeSaysWhatToDo covers the reason link_disabled.
func TestDisabledSocketModeSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slackstub.NewSlack(bubbleAddress)
		m := inMemory(s, appSettings())
		defer m.close()
		m.listen(t.Context())
		s.TurnOff(true)
		pass(time.Hour)
		if got := m.CommandState(); got.Connected || !strings.Contains(got.Fault, "turn Socket Mode on") || s.Opened() > 10 {
			t.Errorf("want a fault that says what to do, and one attempt every ten minutes, got %+v after %d", got, s.Opened())
		}
		s.TurnOff(false)
		pass(15 * time.Minute)
		if got := m.CommandState(); !got.Connected || got.Fault != "" || strings.Count(m.log.String(), "\n") != 2 {
			t.Errorf("want it connected again and two lines in the log, got %+v\n%s", got, m.log.String())
		}
	})
}

// TestASilentConnectionIsReplaced covers a connection that stays open but sends nothing.
func TestASilentConnectionIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		mux := http.NewServeMux()
		mux.HandleFunc("POST /api/apps.connections.open", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"ok":true,"url":"ws://127.0.0.1/socket"}`)
		})
		mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) {
			upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			opened++
			_ = conn.WriteJSON(map[string]any{"type": "hello"})
			_, _, _ = conn.ReadMessage() // until the app closes it
			_ = conn.Close()
		})
		m := inMemory(mux, appSettings())
		defer m.close()
		m.listen(t.Context())
		pass(29 * time.Second)
		if opened != 1 || m.CommandState() != (outbox.CommandState{Wanted: true, Connected: true}) {
			t.Errorf("want the connection kept for 30 s, got %d opened, %+v", opened, m.CommandState())
		}
		pass(3 * time.Second)
		if opened != 2 {
			t.Errorf("want a second connection, got %d opened", opened)
		}
	})
}
