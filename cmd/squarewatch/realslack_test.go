package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/notifiertest"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
)

// slackFile is a configuration file in which the keys of a notifier replace NOTIFIER.
const slackFile = `
target: http://127.0.0.1:1
state_dir: none
studio: ai-research-studio
catalogue: [feed]
defaults: {schedule: "@every 1m"}
rules:
  - {name: server-errors, on: [5xx], window: 5m, threshold: 50%, min_runs: 3}
notifiers: {ops: {slack: {NOTIFIER}, group_wait: 0s}}
`

const (
	webhookKeys = `webhook_url: "http://127.0.0.1/services/T000/B000/hush"`
	botKeys     = `bot_token: xoxb-hush, channel: ops-alerts, api_url: "http://127.0.0.1/api"`
)

// slackScene is a whole daemon in a bubble, with the real notifier and the strict stand-in for Slack.
type slackScene struct {
	*scene

	slack *slackstub.Slack
	file  string // what a reload reads
	end   func()

	mu     sync.Mutex
	posted []slackstub.Message // what the channel showed, as it was posted
}

// newSlackScene starts a daemon with the keys of a notifier. front returns the handler that receives its requests.
func newSlackScene(t *testing.T, keys string, front func(*slackstub.Slack) http.Handler) *slackScene {
	t.Helper()
	s := &slackScene{slack: slackstub.NewSlack("http://127.0.0.1"), file: strings.Replace(slackFile, "NOTIFIER", keys, 1)}
	s.slack.Watch(func(m slackstub.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m.InChannel() {
			s.posted = append(s.posted, m)
		}
	})
	pipe := aisquaretest.NewPipe(front(s.slack))
	transport := &http.Transport{DialContext: pipe.Dial}
	notifier := func(settings slack.Settings) outbox.Notifier {
		return slack.New(settings, slack.Options{Untraced: true, Client: &http.Client{Transport: transport}})
	}
	s.scene = newSceneWith(t, s.file, func(o *Options) {
		o.Load = func() (*config.Config, error) { return loadWithKinds(s.file, config.Options{}, notifier)() }
	})
	s.end = func() {
		s.stop()
		transport.CloseIdleConnections()
		pipe.Shutdown()
	}
	return s
}

// outage lets the API fail, and waits ten minutes, so that a rule fires.
func (s *slackScene) outage() {
	s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
	s.after(10 * time.Minute)
}

// checkPosted checks what the channel showed, and that nothing waits to be sent.
func (s *slackScene) checkPosted(want ...string) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := []string{}
	for i := range s.posted {
		word, _, _ := strings.Cut(s.posted[i].Text, " ")
		got = append(got, word)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("want the channel to show %v, got %v\n%s", want, got, s.log)
	}
	if pending, _, trouble := s.daemon.outbox.Pending("ops"); pending != 0 || trouble != "" {
		s.t.Errorf("want nothing pending, got %d: %s", pending, trouble)
	}
}

// checkSent checks the counter of delivered messages.
func (s *slackScene) checkSent(want string) {
	s.t.Helper()
	if _, metrics := s.get("/metrics"); !strings.Contains(metrics, `squarewatch_notify_sent_total{notifier="ops"} `+want+"\n") {
		s.t.Errorf("want %s messages counted as sent", want)
	}
}

// checkChart checks that the first message has a chart, which Slack may refuse.
func (s *slackScene) checkChart() {
	s.t.Helper()
	if shown := s.slack.Messages(); len(shown) == 0 || !strings.Contains(shown[0].Blocks, "data_visualization") {
		s.t.Fatalf("want a message with a chart, got %+v", shown)
	}
}

func asItIs(s *slackstub.Slack) http.Handler { return s }

// asSlackAnswers answers exactly like the real Slack when the stand-in accepts a message:
// https://github.com/slackapi/node-slack-sdk/issues/480.
func asSlackAnswers(s *slackstub.Slack) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		s.ServeHTTP(kept, r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		answer := "HTTP/1.1 500\r\n\r\n"
		if kept.Code == http.StatusOK {
			answer = "HTTP/1.1 200\r\nContent-Type: text/html\r\n\r\nok"
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	})
}

// slackTrouble is a trouble of Slack. It begins after FIRING was posted, just before the API works again.
type slackTrouble struct {
	begin func(*slackstub.Slack)
	early bool          // it begins before the outage instead
	lasts time.Duration // after this time end is called; 0 for a trouble that stays
	end   func(*slackstub.Slack)
}

// slackTroubles returns the troubles that the messages of an incident may meet, by name.
func slackTroubles() map[string]slackTrouble {
	always := func(f slackstub.Fault) slackTrouble {
		return slackTrouble{begin: func(s *slackstub.Slack) { s.Always(f) }, early: true}
	}
	return map[string]slackTrouble{
		"none":               {begin: func(*slackstub.Slack) {}},
		"charts refused":     always(slackstub.Fault{NoCharts: true}),
		"all blocks refused": always(slackstub.Fault{NoBlocks: true}),
		"slow":               always(slackstub.Fault{Delay: 8 * time.Second}),
		"threads locked":     {begin: func(s *slackstub.Slack) { s.LockThreads(true) }},
		"message deleted":    {begin: func(s *slackstub.Slack) { s.Delete(s.Messages()[0].TS) }},
		"archived and back": {
			begin: func(s *slackstub.Slack) { s.Archive(true) }, lasts: time.Hour, end: func(s *slackstub.Slack) { s.Archive(false) },
		},
		"429": {begin: func(s *slackstub.Slack) {
			s.Once(slackstub.Fault{Status: 429, RetryAfter: "7"}, slackstub.Fault{Status: 429, RetryAfter: "90"})
		}},
		"down for a day": {
			begin: func(s *slackstub.Slack) { s.Always(slackstub.Fault{Status: 503}) }, lasts: 24 * time.Hour,
			end: func(s *slackstub.Slack) { s.Always(slackstub.Fault{}) },
		},
	}
}

// TestOneIncidentReachesSlackOnce covers the way from the probe to the channel, with every trouble of Slack.
func TestOneIncidentReachesSlackOnce(t *testing.T) {
	for name, trouble := range slackTroubles() {
		for kind, keys := range map[string]string{"webhook": webhookKeys, "bot": botKeys} {
			front := asItIs
			if kind == "webhook" && name == "none" {
				front = asSlackAnswers
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSlackScene(t, keys, front)
					defer s.end()
					s.after(10 * time.Minute)
					if trouble.early {
						trouble.begin(s.slack)
					}
					s.outage()
					s.checkPosted("FIRING")
					if !trouble.early {
						s.checkChart()
						trouble.begin(s.slack)
					}
					s.api.ClearFaults()
					s.after(max(trouble.lasts, 10*time.Minute))
					if trouble.end != nil {
						trouble.end(s.slack)
					}
					s.after(20 * time.Minute)
					s.checkPosted("FIRING", "RESOLVED")
					s.checkSent("2")
					for _, m := range s.slack.Messages() {
						if kind == "bot" && strings.HasPrefix(m.Text, "FIRING") {
							t.Errorf("want no message of a bot that still says FIRING, got %s", m.Text)
						}
					}
				})
			})
		}
	}
}

// TestAnAddressThatIsNotSlackLosesNoMessage has a wrong address, token or channel that check without --live cannot detect. The log says
// once what answered and what to do. After a reload of a corrected file, the message arrives.
func TestAnAddressThatIsNotSlackLosesNoMessage(t *testing.T) {
	front := func(s *slackstub.Slack) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", s)
		mux.HandleFunc("/teams/", notifiertest.Answer(http.StatusOK, "", "1"))
		mux.HandleFunc("/chat/", notifiertest.Answer(http.StatusOK, "", `{"name":"spaces/x"}`))
		mux.HandleFunc("/login/", notifiertest.Answer(http.StatusOK, "", "<!DOCTYPE html><title>Log in to the network</title>"))
		return mux
	}
	for name, test := range map[string]struct{ wrong, right, says, fix string }{
		"a webhook of Microsoft Teams": {
			`webhook_url: "http://127.0.0.1/teams/hush"`, webhookKeys, "something other than Slack answered", "webhook_url",
		},
		"a webhook of Google Chat": {`webhook_url: "http://127.0.0.1/chat/hush"`, webhookKeys, "another product's API", "webhook_url"},
		"a workflow": {
			`webhook_url: "http://127.0.0.1/triggers/T0/1/hush"`, webhookKeys, "a workflow's trigger answered, not an incoming webhook",
			"address of an incoming webhook",
		},
		"a login page": {
			`webhook_url: "http://127.0.0.1/login/hush"`, webhookKeys, "a web page answered, not Slack",
			"without a login page or a filter on the way",
		},
		"a login page before the web API": {
			strings.Replace(botKeys, "/api", "/login", 1), botKeys, "a web page answered, not Slack's web API", "check api_url",
		},
		"a wrong token": {
			strings.Replace(botKeys, "xoxb-hush", "xoxb-wrong-hush", 1), botKeys, "invalid_auth: Slack does not accept the token",
			"write the bot token of the app",
		},
		"no such channel": {
			strings.Replace(botKeys, "ops-alerts", "nowhere", 1), botKeys, "channel_not_found: the channel does not exist",
			"set channel to the channel's name or ID",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSlackScene(t, test.wrong, front)
				defer s.end()
				s.outage()
				synctest.Wait()
				said := linesWith(s.log.String(), "cannot deliver a message; it is kept and retried")
				if len(said) != 1 || !strings.Contains(said[0], test.says) || !strings.Contains(said[0], test.fix) {
					t.Errorf("want %q and %q in the log once, got %q", test.says, test.fix, said)
				}
				if strings.Contains(s.log.String(), "hush") {
					t.Error("want no secret in the log")
				}
				s.file = strings.Replace(slackFile, "NOTIFIER", test.right, 1)
				s.reload(s.file)
				s.after(20 * time.Minute)
				s.checkPosted("FIRING")
				s.api.ClearFaults()
				s.after(20 * time.Minute)
				s.checkPosted("FIRING", "RESOLVED")
			})
		})
	}
}

// linesWith returns the lines of a text that contain a part.
func linesWith(text, part string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.Contains(line, part) })
}
