package alertmanager_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"squarewatch/alert"
	"squarewatch/alert/alertmanager"
	"squarewatch/alert/notifiertest"
	"squarewatch/alert/outbox"
	"squarewatch/config/secret"
)

// Secrets that must not appear in an error.
const (
	hushToken    = "hush-token"
	hushPassword = "hush-password"
)

func TestNotifier(t *testing.T) {
	notifiertest.Run(t, notifiertest.Harness{
		New: func(_ *testing.T, address string) outbox.Notifier {
			return alertmanager.New(alertmanager.Settings{URL: address + "/prefix/", BearerToken: secret.New(hushToken)}, options())
		},
		Accept: notifiertest.Answer(http.StatusOK, "", ""),
		Refusals: map[string]http.HandlerFunc{
			"a refused alert": notifiertest.Answer(http.StatusBadRequest, "",
				`"start time must be before end time, `+hushToken+`"`),
			"a wrong login":                        notifiertest.Answer(http.StatusUnauthorized, "", ""),
			"a server that is not an Alertmanager": notifiertest.Answer(http.StatusNotFound, "", "404 page not found"),
			"a proxy":                              notifiertest.Answer(http.StatusForbidden, "", "<html>"+hushToken),
		},
		Secrets: []string{hushToken},
		Inspect: inspect,
	})
}

// inspect fails if an annotation holds markup, or if Alertmanager would refuse the alert.
func inspect(t *testing.T, request *http.Request, body []byte) {
	t.Helper()
	if request.URL.Path != "/prefix/api/v2/alerts" || request.Header.Get("Content-Type") != "application/json" {
		t.Errorf("want a post of JSON to /prefix/api/v2/alerts, got %s as %s", request.URL.Path, request.Header.Get("Content-Type"))
	}
	var alerts []model.Alert
	if err := json.Unmarshal(body, &alerts); err != nil || len(alerts) == 0 {
		t.Fatalf("want alerts, got %s: %v", body, err)
	}
	for i := range alerts {
		if err := alerts[i].Validate(); err != nil {
			t.Error(err)
		}
		for name, value := range alerts[i].Annotations {
			if strings.ContainsAny(string(value), "<>") || strings.Contains(string(value), "@everyone") {
				t.Errorf("the annotation %s holds markup or mentions people: %s", name, value)
			}
		}
	}
}

func failure(t *testing.T, err error) *outbox.DeliveryError {
	t.Helper()
	if err == nil {
		return nil
	}
	got, ok := errors.AsType[*outbox.DeliveryError](err)
	if !ok {
		t.Fatalf("want a DeliveryError, got %v", err)
	}
	for _, hidden := range []string{hushToken, hushPassword} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("a secret is in an error: %v", err)
		}
	}
	return got
}

func TestEveryAnswerHasItsReason(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html>log in")
	}
	for name, test := range map[string]struct {
		answer    http.HandlerFunc
		reason    string
		permanent bool
		says      []string
	}{
		"400 with a message": {notifiertest.Answer(400, "", `"bad label "`), "refused", true, []string{
			"400", `"bad label"`,
			"correct what it says",
		}},
		"422 of the validator": {
			notifiertest.Answer(422, "", `{"code":602,"message":"alerts.0.labels in body is required"}`), "refused", true,
			[]string{"labels in body is required"},
		},
		"400 that quotes the password": {notifiertest.Answer(400, "", `"`+hushPassword+`"`), "refused", true, []string{`"***"`}},
		"400 of a proxy":               {notifiertest.Answer(400, "", "<html>Blocked"), "refused", true, []string{"status 400;"}},
		"401":                          {notifiertest.Answer(401, "", ""), "refused", true, []string{"correct bearer_token or basic_auth"}},
		"403":                          {notifiertest.Answer(403, "", ""), "refused", true, []string{"correct bearer_token or basic_auth"}},
		"404":                          {notifiertest.Answer(404, "", ""), "refused", true, []string{"0.16", "route-prefix"}},
		"405":                          {notifiertest.Answer(405, "", ""), "refused", true, []string{"0.16"}},
		"407":                          {notifiertest.Answer(407, "", ""), "refused", true, []string{"HTTP_PROXY"}},
		"413":                          {notifiertest.Answer(413, "", ""), "refused", true, []string{"megabytes"}},
		"418":                          {notifiertest.Answer(418, "", ""), "refused", true, []string{"check url"}},
		"redirect":                     {http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, "refused", true, []string{"redirects"}},
		"a login page":                 {html, "refused", true, []string{"web page"}},
		"408":                          {notifiertest.Answer(408, "", ""), "unavailable", false, []string{"408"}},
		"503":                          {notifiertest.Answer(503, "", `"not ready"`), "unavailable", false, []string{"not ready"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			n := alertmanager.New(alertmanager.Settings{URL: server.URL, BasicAuth: login()}, options())
			_, err := n.Deliver(t.Context(), notifiertest.Notification(alert.EventFiring))
			got := failure(t, err)
			if got == nil || got.Reason != test.reason || got.Permanent != test.permanent || got.Permanent != (got.Fix != "") {
				t.Fatalf("want %s, permanent %v, got %+v", test.reason, test.permanent, got)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in: %v", want, err)
				}
			}
		})
	}
}

func login() *alertmanager.BasicAuth {
	return &alertmanager.BasicAuth{Username: secret.New("ada"), Password: secret.New(hushPassword)}
}

func TestTheLoginIsSent(t *testing.T) {
	for want, s := range map[string]alertmanager.Settings{
		"":                               {},
		"Bearer " + hushToken:            {BearerToken: secret.New(hushToken)},
		"Basic YWRhOmh1c2gtcGFzc3dvcmQ=": {BasicAuth: login()},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("want %q, got %q", want, got)
			}
		}))
		s.URL = server.URL
		if _, err := alertmanager.New(s, options()).Deliver(t.Context(), notifiertest.Notification(alert.EventFiring)); err != nil {
			t.Error(err)
		}
		server.Close()
	}
	server := httptest.NewServer(notifiertest.Answer(401, "", ""))
	defer server.Close()
	_, err := alertmanager.New(alertmanager.Settings{URL: server.URL}, options()).Deliver(t.Context(),
		notifiertest.Notification(alert.EventFiring))
	if got := failure(t, err); got == nil || !strings.Contains(got.Fix, "Alertmanager requires a login") {
		t.Errorf("want a fix that asks for a login, got %v", err)
	}
}

// TestDeliveryPostsToEveryMemberAndNeedsOneToAccept uses clusters in which some members fail.
func TestDeliveryPostsToEveryMemberAndNeedsOneToAccept(t *testing.T) {
	good, down, refusing := notifiertest.Answer(200, "", ""), notifiertest.Answer(503, "9", ""), notifiertest.Answer(401, "", "")
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		event   alert.Event
		reason  string // empty when it is delivered
		says    string
	}{
		"all accept":  {[]http.HandlerFunc{good, good}, alert.EventFiring, "", ""},
		"one is down": {[]http.HandlerFunc{down, good, refusing}, alert.EventFiring, "", ""},
		"all fail, one of them temporarily": {
			[]http.HandlerFunc{refusing, down},
			alert.EventFiring, "unavailable",
			"2 of 2 members did not accept it",
		},
		"all refuse": {[]http.HandlerFunc{refusing, refusing}, alert.EventFiring, "refused", "Alertmanager requires a login"},
		"a test, and one is down": {
			[]http.HandlerFunc{good, down},
			alert.EventTest, "unavailable",
			"1 of 2 members did not accept it: unavailable",
		},
		"a test, and all accept": {[]http.HandlerFunc{good, good}, alert.EventTest, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			posted := make(chan string, len(test.answers))
			var s alertmanager.Settings
			for _, answer := range test.answers {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					posted <- r.Host
					answer(w, r)
				}))
				defer server.Close()
				s.URLs = append(s.URLs, server.URL)
			}
			_, err := alertmanager.New(s, options()).Deliver(t.Context(), notifiertest.Notification(test.event))
			if got := failure(t, err); (got == nil) != (test.reason == "") || got != nil && got.Reason != test.reason {
				t.Errorf("want %q, got %v", test.reason, err)
			} else if got != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("want %q in: %v", test.says, err)
			}
			if len(posted) != len(test.answers) {
				t.Errorf("want a post to each of %d members, got %d", len(test.answers), len(posted))
			}
		})
	}
}

func TestFiringAlertsAreRefreshed(t *testing.T) {
	var n outbox.Refresher = alertmanager.New(settings(), options())
	if want, got := time.Minute, n.RefreshEvery(); want != got {
		t.Errorf("want %v, got %v", want, got)
	}
}

// FuzzAnswersAreClassified gives the notifier arbitrary answers.
func FuzzAnswersAreClassified(f *testing.F) {
	f.Add(400, "", `"bad"`, "application/json")
	f.Add(200, "", "", "")
	f.Add(429, "1", `{"message":"`+hushToken+`"}`, "text/html")
	f.Fuzz(func(t *testing.T, status int, after, body, contentType string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		client := &http.Client{Transport: roundTrip(func(*http.Request) *http.Response {
			return &http.Response{
				StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"Retry-After": {after}, "Content-Type": {contentType}},
			}
		})}
		n := alertmanager.New(alertmanager.Settings{URL: "http://127.0.0.1:1", BearerToken: secret.New(hushToken)},
			alertmanager.Options{Client: client})
		_, err := n.Deliver(t.Context(), notifiertest.Notification(alert.EventFiring))
		got := failure(t, err)
		if got == nil && (status > 299 || status == 200 && strings.HasPrefix(contentType, "text/html")) {
			t.Errorf("want an error for status %d as %q, got none", status, contentType)
		}
		if got != nil && (got.Permanent != (got.Fix != "") || len(err.Error()) > 3000) {
			t.Errorf("want a fix if the failure is permanent, and a short error, got permanent %v, %v", got.Permanent, err)
		}
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestSettingsAreChecked(t *testing.T) {
	token := secret.New(hushToken)
	for name, test := range map[string]struct {
		settings alertmanager.Settings
		faults   []string // fields
	}{
		"plain":              {alertmanager.Settings{URL: "http://alertmanager:9093"}, nil},
		"with a path":        {alertmanager.Settings{URL: "https://example.org/am/", BearerToken: token}, nil},
		"a cluster":          {alertmanager.Settings{URLs: []string{"http://a:9093", "http://b:9093"}, BasicAuth: login()}, nil},
		"no address":         {alertmanager.Settings{}, []string{"url"}},
		"url and urls":       {alertmanager.Settings{URL: "http://a", URLs: []string{"http://b"}}, []string{"urls"}},
		"no scheme":          {alertmanager.Settings{URL: "alertmanager:9093"}, []string{"url"}},
		"a login in url":     {alertmanager.Settings{URL: "http://ada:hush-password@a"}, []string{"url"}},
		"a query":            {alertmanager.Settings{URL: "http://a/?x=1"}, []string{"url"}},
		"path of the API":    {alertmanager.Settings{URL: "http://a/api/v2/alerts"}, []string{"url"}},
		"one member twice":   {alertmanager.Settings{URLs: []string{"http://a", "http://a"}}, []string{"urls[1]"}},
		"one of many is bad": {alertmanager.Settings{URLs: []string{"http://a", "b"}}, []string{"urls[1]"}},
		"two logins":         {alertmanager.Settings{URL: "http://a", BearerToken: token, BasicAuth: login()}, []string{"basic_auth"}},
		"half a login": {alertmanager.Settings{URL: "http://a", BasicAuth: &alertmanager.BasicAuth{}}, []string{
			"basic_auth.username",
			"basic_auth.password",
		}},
		"a token with a line break": {
			alertmanager.Settings{URL: "http://a", BearerToken: secret.New(hushToken + "\nx")}, []string{"bearer_token"},
		},
		"labels": {
			alertmanager.Settings{URL: "http://a", Labels: map[string]string{"severity": "x", "a-b": "x", "empty": ""}},
			[]string{"labels", "labels.empty", "labels.severity"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.settings.Validate()
			if diff := cmp.Diff(test.faults, fields(t, err)); diff != "" {
				t.Errorf("fields at fault (-want +got):\n%s%v", diff, err)
			}
			if err != nil && (strings.Contains(err.Error(), hushToken) || strings.Contains(err.Error(), hushPassword)) {
				t.Errorf("a secret is in: %v", err)
			}
		})
	}
}
