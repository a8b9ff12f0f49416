package slack_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
)

// channel is an outbox, a notifier and a Slack channel, in a bubble.
type channel struct {
	*outbox.Outbox

	t     *testing.T
	slack *slackstub.Slack
	m     *inMemoryNotifier
	stop  func()

	mu     sync.Mutex
	sent   int
	failed map[string]int
	posted []string // first words of what Slack's channel showed, in order
}

// Delivered counts as the recorder does for the metrics squarewatch.notify.sent and squarewatch.notify.failed.
func (o *channel) Delivered(_ string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.sent++
		return
	}
	o.failed[faultOf(o.t, err).Reason]++
}

// openChannel starts to deliver to a Slack, by webhook or by bot. If handler is not nil, it returns what stands in front of the Slack.
func openChannel(t *testing.T, kind string, handler func(*slackstub.Slack) http.Handler) *channel {
	t.Helper()
	s := slackstub.NewSlack(bubbleAddress)
	o := &channel{t: t, slack: s, failed: map[string]int{}}
	s.Watch(func(m slackstub.Message) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if m.InChannel() {
			word, _, _ := strings.Cut(m.Text, " ")
			o.posted = append(o.posted, word)
		}
	})
	settings := slack.Settings{WebhookURL: secret.New(s.Webhook())}
	if kind == "bot" {
		settings = slack.Settings{BotToken: secret.New(slackstub.BotToken), Channel: slackstub.Name, APIURL: bubbleAddress + "/api"}
	}
	front := http.Handler(s)
	if handler != nil {
		front = handler(s)
	}
	o.m = inMemory(front, settings)
	o.Outbox = outbox.New(outbox.Options{
		Destinations: map[string]outbox.Destination{"ops": {Notifier: o.m}}, Observer: o, Rand: func() float64 { return 0 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	o.stop = func() {
		cancel()
		running.Wait()
		o.m.close()
	}
	return o
}

// change adds a change of the incident to the outbox. The change happens now.
func (o *channel) change(event alert.Event) {
	incident := messages()["firing-confidence"].Incident
	incident.Since = time.Now().Add(-time.Minute)
	if event == alert.EventResolved {
		incident = resolved(incident)
		incident.Resolved = time.Now()
	}
	o.Add(alert.Transition{At: time.Now(), Event: event, Incident: incident})
}

// trouble is a fault of Slack.
type trouble struct {
	begin func(*slackstub.Slack)
	end   func(*slackstub.Slack)
	lasts time.Duration
}

// play adds FIRING and RESOLVED. The trouble begins between them, or before both.
func (o *channel) play(trouble trouble, before bool) {
	if before && trouble.begin != nil {
		trouble.begin(o.slack)
	}
	o.change(alert.EventFiring)
	pass(time.Minute)
	if !before && trouble.begin != nil {
		trouble.begin(o.slack)
	}
	o.change(alert.EventResolved)
	pass(max(trouble.lasts, time.Minute))
	if trouble.end != nil {
		trouble.end(o.slack)
	}
	pass(20 * time.Minute)
}

// checkPosted checks that the channel shows messages with the wanted first words, and that no message waits.
func (o *channel) checkPosted(want ...string) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.posted, want) {
		o.t.Errorf("want the channel to show %v, got %v", want, o.posted)
	}
	if o.sent != len(want) {
		o.t.Errorf("want %d messages counted as sent, got %d", len(want), o.sent)
	}
	if pending, _, trouble := o.Pending("ops"); pending != 0 || trouble != "" {
		o.t.Errorf("want nothing pending, got %d: %s", pending, trouble)
	}
}

func always(f slackstub.Fault) trouble {
	return trouble{begin: func(s *slackstub.Slack) { s.Always(f) }}
}

func during(f slackstub.Fault, lasts time.Duration) trouble {
	return trouble{
		begin: func(s *slackstub.Slack) { s.Always(f) }, end: func(s *slackstub.Slack) { s.Always(slackstub.Fault{}) }, lasts: lasts,
	}
}

func limited(after string) trouble {
	return trouble{begin: func(s *slackstub.Slack) {
		s.Once(slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: after})
	}}
}

// troubles are the faults of Slack that the tests play.
func troubles() map[string]trouble {
	return map[string]trouble{
		"none":                    {},
		"charts refused":          always(slackstub.Fault{NoCharts: true}),
		"all blocks refused":      always(slackstub.Fault{NoBlocks: true}),
		"429":                     limited("7"),
		"slow":                    always(slackstub.Fault{Delay: 20 * time.Second / 3}),
		"slower than the timeout": during(slackstub.Fault{Delay: time.Minute, Status: http.StatusGatewayTimeout}, time.Hour),
		"down for a day":          during(slackstub.Fault{Status: http.StatusServiceUnavailable}, 24*time.Hour),
		"unreachable for a day":   during(slackstub.Fault{CutBefore: true}, 24*time.Hour),
		"archived for an hour":    {func(s *slackstub.Slack) { s.Archive(true) }, func(s *slackstub.Slack) { s.Archive(false) }, time.Hour},
		"an unknown error code":   during(slackstub.Fault{Word: "new_word"}, time.Minute),
		"threads locked":          {begin: func(s *slackstub.Slack) { s.LockThreads(true) }},
		"editing closed":          {begin: func(s *slackstub.Slack) { s.CloseEditing(true) }},
		"message deleted":         {begin: func(s *slackstub.Slack) { s.Delete(s.Messages()[0].TS) }},
		"a login page for a day":  during(slackstub.Fault{Status: http.StatusOK, Word: "<!DOCTYPE html><title>Log in</title>"}, 24*time.Hour),
		"a wrong token for a day": during(slackstub.Fault{Word: "invalid_auth"}, 24*time.Hour),
		"no such channel":         during(slackstub.Fault{Word: "channel_not_found"}, 24*time.Hour),
		"too long":                during(slackstub.Fault{Word: "msg_too_long"}, 20*time.Minute),
		"a channel that migrates": during(slackstub.Fault{Word: "external_channel_migrating"}, 20*time.Minute),
	}
}

// TestIncidentIsDeliveredOnce covers the way from a change to Slack's channel. Each fault begins after FIRING.
func TestIncidentIsDeliveredOnce(t *testing.T) {
	for name, trouble := range troubles() {
		for _, kind := range []string{"webhook", "bot"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := openChannel(t, kind, nil)
					defer o.stop()
					o.play(trouble, false)
					o.checkPosted("FIRING", "RESOLVED")
					if name == "editing closed" || kind == "webhook" {
						return
					}
					for _, m := range o.slack.Messages() {
						if strings.HasPrefix(m.Text, "FIRING") {
							t.Errorf("want no message that still says FIRING, got %s", m.Text)
						}
					}
				})
			})
		}
	}
}

// TestDelayedIncidentIsDeliveredOnce covers the same faults. Each begins before FIRING.
func TestDelayedIncidentIsDeliveredOnce(t *testing.T) {
	for name, trouble := range troubles() {
		for _, kind := range []string{"webhook", "bot"} {
			if name == "message deleted" {
				continue // there is no message yet
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := openChannel(t, kind, nil)
					defer o.stop()
					o.play(trouble, true)
					if trouble.lasts > 0 { // both changes waited, and one message announces them
						o.checkPosted("RESOLVED")
						return
					}
					o.checkPosted("FIRING", "RESOLVED")
				})
			})
		}
	}
}

// TestSlackIsNotAskedBeforeTheTimeThatItNames answers 429 with Retry-After. The message must be posted exactly when that time is over.
func TestSlackIsNotAskedBeforeTheTimeThatItNames(t *testing.T) {
	times := map[string]time.Duration{"1": time.Second, "7": 7 * time.Second, "31": 31 * time.Second, "600": 10 * time.Minute}
	for after, want := range times {
		for _, kind := range []string{"webhook", "bot"} {
			t.Run(kind+" "+after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := openChannel(t, kind, nil)
					defer o.stop()
					limited(after).begin(o.slack)
					begin := time.Now()
					o.change(alert.EventFiring)
					pass(time.Hour)
					o.checkPosted("FIRING")
					if got := o.slack.Messages()[0].At.Sub(begin); got != want {
						t.Errorf("want the message posted after %v, got %v", want, got)
					}
				})
			})
		}
	}
}

// TestRealAnswerIsAccepted sends exactly what the real Slack sends: https://github.com/slackapi/node-slack-sdk/issues/480.
func TestRealAnswerIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openChannel(t, "webhook", func(s *slackstub.Slack) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				shown := httptest.NewRecorder()
				s.ServeHTTP(shown, r)
				if shown.Code != http.StatusOK {
					t.Errorf("want the message taken, got %d", shown.Code)
				}
				conn, buffer, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				answerAsSlack(buffer)
			})
		})
		defer o.stop()
		o.play(trouble{}, false)
		o.checkPosted("FIRING", "RESOLVED")
		if len(o.failed) != 0 {
			t.Errorf("want no failure, got %v", o.failed)
		}
	})
}

func answerAsSlack(buffer *bufio.ReadWriter) {
	_, _ = io.WriteString(buffer, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	_ = buffer.Flush()
}
