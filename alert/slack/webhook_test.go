package slack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config/secret"
)

// token is the secret part of a webhook's address.
const token = "T000B000secret"

func notifier(server *httptest.Server) *slack.Notifier {
	return slack.New(slack.Settings{WebhookURL: secret.New(server.URL + "/services/" + token)},
		slack.Options{TraceURL: traceURL, Client: server.Client()})
}

// fault is a DeliveryError without its texts.
type fault struct {
	Reason     string
	RetryAfter time.Duration
	Permanent  bool
}

func deliver(ctx context.Context, t *testing.T, n *slack.Notifier) error {
	t.Helper()
	_, err := n.Deliver(ctx, messages()["firing-500"])
	if err != nil {
		checkSecret(t, err)
	}
	return err
}

func checkSecret(t *testing.T, err error) {
	t.Helper()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", err)
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		for _, text := range []string{cause.Error(), fmt.Sprintf("%+v", cause), log.String()} {
			if strings.Contains(text, token) {
				t.Errorf("the address is in an error: %s", text)
			}
		}
	}
}

func faultOf(t *testing.T, err error) fault {
	t.Helper()
	failure, ok := errors.AsType[*outbox.DeliveryError](err)
	if !ok {
		t.Fatalf("want a DeliveryError, got %v", err)
	}
	if failure.Permanent != (failure.Fix != "") {
		t.Errorf("permanent is %v and the fix is %q; want a fix if and only if the fault is permanent", failure.Permanent, failure.Fix)
	}
	return fault{failure.Reason, failure.RetryAfter, failure.Permanent}
}

func answering(status int, header http.Header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for key := range header {
			w.Header().Set(key, header.Get(key))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cutting answers with raw bytes and closes the connection, before or after the request was read.
func cutting(read bool, raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if read {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, raw)
		if tcp, ok := conn.(*net.TCPConn); ok && !read {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

func TestEveryAnswerHasItsReason(t *testing.T) {
	retry := func(after string) http.Header { return http.Header{"Retry-After": {after}} }
	refused := fault{Reason: "refused", Permanent: true}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   fault
		says   string // part of the error
	}{
		"429":                   {answering(429, retry("7"), "rate_limited"), fault{"rate_limited", 7 * time.Second, false}, "429"},
		"429 with a fraction":   {answering(429, retry("1.2"), ""), fault{"rate_limited", 2 * time.Second, false}, "429"},
		"429 without a time":    {answering(429, nil, ""), fault{"rate_limited", 0, false}, "429"},
		"429 with nonsense":     {answering(429, retry("soon"), ""), fault{"rate_limited", 0, false}, "429"},
		"429 with a huge time":  {answering(429, retry("1e300"), ""), fault{"rate_limited", 24 * time.Hour, false}, "429"},
		"429 with not a number": {answering(429, retry("NaN"), ""), fault{"rate_limited", 0, false}, "429"},
		"429 with a time in the body": {
			answering(429, nil, `{"retry_after":17,"ok":false,"error":"rate_limited"}`),
			fault{"rate_limited", 17 * time.Second, false},
			"429",
		},
		"429 with two times": {answering(429, retry("7"), `{"retry_after":17}`), fault{"rate_limited", 7 * time.Second, false}, "429"},
		"429 with nonsense, and a time": {
			answering(429, retry("soon"), `{"retry_after":1.2}`),
			fault{"rate_limited", 2 * time.Second, false},
			"429",
		},
		"429 with a text in the body": {answering(429, nil, `{"retry_after":"soon"}`), fault{"rate_limited", 0, false}, "429"},
		"500":                         {answering(500, nil, "rollup_error"), fault{"unavailable", 0, false}, "rollup_error"},
		"503 with a time":             {answering(503, retry("30"), "<html>"), fault{"unavailable", 30 * time.Second, false}, "503"},
		"invalid_payload":             {answering(400, nil, "invalid_payload"), refused, "report it"},
		"invalid_token":               {answering(403, nil, "invalid_token"), refused, "revoked"},
		"no_service":                  {answering(404, nil, "no_service"), refused, "removed"},
		"no_team":                     {answering(404, nil, "no_team\n"), refused, "workspace"},
		"channel_not_found":           {answering(404, nil, "channel_not_found"), refused, "deleted"},
		"channel_is_archived":         {answering(410, nil, "channel_is_archived"), refused, "unarchive"},
		"action_prohibited":           {answering(403, nil, "action_prohibited"), refused, "admin"},
		"general channel":             {answering(403, nil, "posting_to_general_channel_denied"), refused, "another channel"},
		"403 of a proxy":              {answering(403, nil, "<html>Blocked: "+token), refused, "proxy"},
		"404 of anything":             {answering(404, nil, ""), refused, "copy the webhook"},
		"410":                         {answering(410, nil, ""), refused, "gone"},
		"418":                         {answering(418, nil, "unknown_word"), refused, "unknown_word"},
		"redirect":                    {answering(302, http.Header{"Location": {"/elsewhere/" + token}}, ""), refused, "redirects"},
		"a login page with 200": {
			answering(200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<html>"), refused,
			"web page",
		},
		"a page of text with 200": {
			answering(200, http.Header{"Content-Type": {"text/plain"}}, "Please log in"), refused,
			"something other than Slack",
		},
		"a workflow's trigger":  {answering(200, nil, `{"ok":true}`), refused, "a workflow's trigger answered"},
		"a trigger that failed": {answering(200, nil, `{"ok":false,"error":"trigger_error"}`), refused, "a workflow's trigger answered"},
		"another product":       {answering(200, nil, `{"name":"spaces/x"}`), refused, "another product's API"},
		"Microsoft Teams":       {answering(200, nil, "1"), refused, "something other than Slack"},
		"nothing":               {answering(200, nil, ""), refused, "an empty answer"},
		"ok and more":           {answering(200, nil, "ok ok"), refused, "something other than Slack"},
		"204":                   {answering(204, nil, ""), refused, "answers POST with 200 and ok"},
		"invalid_blocks":        {answering(400, nil, "invalid_blocks"), refused, "report it"},
		"cut in the body": {
			cutting(true, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\no"),
			fault{"network", 0, false},
			"post to Slack",
		},
		"cut before acceptance":  {cutting(false, ""), fault{"network", 0, false}, "post to Slack"},
		"cut after acceptance":   {cutting(true, ""), fault{"network", 0, false}, "post to Slack"},
		"half a status line":     {cutting(true, "HTTP/1.1 20"), fault{"network", 0, false}, "post to Slack"},
		"an answer without HTTP": {cutting(true, "hello "+"\r\n\r\n"), fault{"network", 0, false}, "post to Slack"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			err := deliver(t.Context(), t, notifier(server))
			if diff := cmp.Diff(test.want, faultOf(t, err)); diff != "" {
				t.Errorf("fault (-want +got):\n%s%v", diff, err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("want %q in: %v", test.says, err)
			}
		})
	}
}

func TestAcceptedMessageIsDelivered(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		// As the real Slack answers: https://github.com/slackapi/node-slack-sdk/issues/480.
		"ok as text/html":      cutting(true, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
		"ok of utf-8":          answering(200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "ok"),
		"ok as text/plain":     answering(200, http.Header{"Content-Type": {"text/plain"}}, "ok"),
		"ok with a line break": answering(200, nil, "ok\r\n"),
		"ok without a type":    cutting(true, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			if err := deliver(t.Context(), t, notifier(server)); err != nil {
				t.Error(err)
			}
		})
	}
}

// posts records the bodies that a server received.
type posts struct {
	mu  sync.Mutex
	all []map[string]any
}

func (p *posts) record(r *http.Request) map[string]any {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, body)
	return body
}

func TestRefusedBlocksAreSentAgainAsText(t *testing.T) {
	for _, word := range []string{"invalid_blocks", "invalid_payload"} {
		t.Run(word, func(t *testing.T) {
			var got posts
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body := got.record(r); body["blocks"] != nil {
					http.Error(w, word, http.StatusBadRequest)
					return
				}
				_, _ = io.WriteString(w, "ok")
			}))
			defer server.Close()
			if err := deliver(t.Context(), t, notifier(server)); err != nil {
				t.Fatal(err)
			}
			if len(got.all) != 2 {
				t.Fatalf("want 2 posts, got %d", len(got.all))
			}
			want := slack.Render(messages()["firing-500"], slack.Options{TraceURL: traceURL}).Plain()
			if diff := cmp.Diff(want, got.all[1]["text"]); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneAttemptIsMade(t *testing.T) {
	for _, status := range []int{200, 429, 500, 404} {
		var got posts
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := got.record(r)
			if body["parse"] != "none" || body["unfurl_links"] != false {
				t.Errorf("plain words may become links: parse %v, unfurl_links %v", body["parse"], body["unfurl_links"])
			}
			w.WriteHeader(status)
		}))
		_ = deliver(t.Context(), t, notifier(server))
		server.Close()
		if len(got.all) != 1 {
			t.Errorf("status %d: want 1 post, got %d", status, len(got.all))
		}
	}
}

func TestACancelledContextEndsAnAttempt(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer server.Close()
	defer close(release)

	stopped, stop := context.WithCancel(t.Context())
	go func() {
		<-entered
		stop()
	}()
	err := deliver(stopped, t, notifier(server))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled inside, got %v", err)
	}
	if want, got := "network", faultOf(t, err).Reason; want != got {
		t.Errorf("want %s, got %v", want, err)
	}
}

// TestAnAttemptAtASilentSlackTimesOut sends to a Slack that never answers. The attempt ends at the deadline of its context, or after 30 s.
func TestAnAttemptAtASilentSlackTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				_, _ = io.Copy(io.Discard, bufio.NewReader(server))
				_ = server.Close()
			}()
			return client, nil
		}}
		defer transport.CloseIdleConnections()
		n := slack.New(slack.Settings{WebhookURL: secret.New("http://127.0.0.1/services/" + token)},
			slack.Options{Client: &http.Client{Transport: transport}})
		for deadline, want := range map[time.Duration]time.Duration{5 * time.Second: 5 * time.Second, time.Hour: 30 * time.Second} {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			err := deliver(ctx, t, n)
			cancel()
			if got := faultOf(t, err).Reason; got != "timeout" {
				t.Errorf("want a timeout, got %v", err)
			}
			if got := time.Since(start); want != got {
				t.Errorf("want %s, got %s", want, got)
			}
		}
	})
}

func TestARetryDateIsObeyed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	want := fault{"rate_limited", 24 * time.Hour, false}
	if got := faultOf(t, deliver(t.Context(), t, notifier(server))); want != got {
		t.Errorf("want %v, got %v", want, got)
	}
}

func TestNoConnectionIsANetworkFault(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if want, got := "network", faultOf(t, deliver(t.Context(), t, notifier(server))).Reason; want != got {
		t.Errorf("want %s, got %s", want, got)
	}
	secure := httptest.NewTLSServer(answering(200, nil, "ok"))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	distrustful := slack.New(slack.Settings{WebhookURL: secret.New(secure.URL + "/" + token)}, slack.Options{})
	if want, got := "network", faultOf(t, deliver(t.Context(), t, distrustful)).Reason; want != got {
		t.Errorf("want %s, got %s", want, got)
	}
}
