//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/alertmanager"
	"squarewatch/alert/notifiertest"
	"squarewatch/alert/outbox"
	"squarewatch/probe/aisquaretest"
)

// pages keeps what Alertmanager sends to people: one entry for each notification, with its status and alerts.
type pages struct {
	mu  sync.Mutex
	all []string
}

// ServeHTTP receives a notification of Alertmanager's webhook receiver.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var page struct {
		Status string `json:"status"`
		Alerts []struct {
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&page); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	words := []string{page.Status}
	for _, a := range page.Alerts {
		words = append(words, a.Labels["alertname"]+"/"+a.Labels["series"])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, strings.Join(words, " "))
}

func (p *pages) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.all, "\n")
}

// startAlertmanager runs a real Alertmanager that pages people at once.
func startAlertmanager(t *testing.T) (address string, to *pages) {
	t.Helper()
	to = &pages{}
	receiver := httptest.NewServer(to)
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	config := fmt.Sprintf(`
route: {receiver: people, group_by: [alertname, series], group_wait: 500ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - {name: people, webhook_configs: [{url: %q, send_resolved: true}]}
`, receiver.URL)
	if err := os.WriteFile(filepath.Join(dir, "alertmanager.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := "127.0.0.1:" + freePort(t)
	start(t, exec.CommandContext(t.Context(), "prometheus-alertmanager", "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen, "--cluster.listen-address="))
	eventually(t, 30*time.Second, "Alertmanager is ready", func() bool {
		status, _, err := get(t.Context(), "http://"+listen+"/-/ready")
		return err == nil && status == http.StatusOK
	})
	return "http://" + listen, to
}

// held is an alert as the API of Alertmanager returns it.
type held struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	EndsAt      time.Time         `json:"endsAt"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
}

// holds returns the alerts that fire at Alertmanager.
func holds(t *testing.T, address string) []held {
	t.Helper()
	status, body, err := get(t.Context(), address+"/api/v2/alerts")
	if err != nil || status != http.StatusOK {
		t.Fatalf("ask for alerts: %d %v", status, err)
	}
	var all []held
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheLifeOfAnAlert sends the same incident from two hosts to a real Alertmanager.
func TestTheLifeOfAnAlert(t *testing.T) {
	address, people := startAlertmanager(t)
	settings := alertmanager.Settings{URL: address, Labels: map[string]string{"env": "e2e"}}
	options := alertmanager.Options{Target: "api.test", TraceURL: "http://127.0.0.1:16686/trace/{trace_id}"}
	one, two := alertmanager.New(settings, options), alertmanager.New(settings, options)
	deliver := func(n *alertmanager.Notifier, notification outbox.Notification) {
		t.Helper()
		if _, err := n.Deliver(t.Context(), notification); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	firing := notifiertest.Notification(alert.EventFiring)
	firing.Incident.Since = begun.Add(-time.Minute)
	firing.Incident.Labels = map[string]string{"team": "platform", "größe/x": "<!channel> \u202eXL"}
	deliver(one, firing)
	elsewhere := firing
	elsewhere.Incident.ID, elsewhere.Incident.Since, elsewhere.Incident.Bad = "another", begun.Add(-50*time.Second), 7
	deliver(two, elsewhere)
	eventually(t, 10*time.Second, "one page for two hosts", func() bool { return people.String() == "firing server-errors/collections" })
	all := holds(t, address)
	if len(all) != 1 || all[0].Labels["probe"] != "collections" || all[0].Labels["team"] != "platform" || all[0].Labels["env"] != "e2e" ||
		all[0].Labels["target"] != "api.test" || !strings.Contains(all[0].Annotations["summary"], "7 of 20 runs failed") {
		t.Fatalf("want one alert with our labels and the newest words, got %+v", all)
	}
	if lasts := all[0].EndsAt.Sub(begun); lasts < 4*time.Minute || lasts > 5*time.Minute {
		t.Errorf("want it to end by itself in four minutes, got %v", lasts)
	}

	// A repetition keeps the alert firing, and one request has all alerts.
	before, repetition := all[0].EndsAt, firing
	repetition.Event, repetition.Others = alert.EventUpdate, []alert.Incident{firing.Incident}
	repetition.Others[0].Series = "feed"
	silence(t, address, "feed")
	deliver(one, repetition)
	for _, a := range holds(t, address) {
		if !a.EndsAt.After(before) {
			t.Errorf("want the end put off, got %v after %v", a.EndsAt, before)
		}
		want := map[string]string{"feed": "suppressed", "collections": "active"}[a.Labels["series"]]
		if a.Status.State != want && a.Status.State != "unprocessed" {
			t.Errorf("%s: want %s, got %s", a.Labels["series"], want, a.Status.State)
		}
	}

	resolved := repetition
	resolved.Event, resolved.Incident.Resolved = alert.EventResolved, time.Now()
	resolved.Others[0].Resolved = time.Now()
	deliver(two, resolved)
	eventually(t, 10*time.Second, "a page that it is over, and none of what is silenced", func() bool {
		return people.String() == "firing server-errors/collections\nresolved server-errors/collections"
	})
	if all := holds(t, address); len(all) != 0 {
		t.Errorf("want nothing to fire, got %+v", all)
	}

	deliver(one, notifiertest.Notification(alert.EventTest))
	if all := holds(t, address); len(all) != 1 || all[0].Labels["alertname"] != "squarewatch-test" || time.Until(all[0].EndsAt) > time.Minute {
		t.Errorf("want the alert of a test, for a minute, got %+v", all)
	}
}

// silence mutes a series at Alertmanager.
func silence(t *testing.T, address, series string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"matchers": []map[string]any{{"name": "series", "value": series, "isRegex": false, "isEqual": true}},
		"startsAt": time.Now(), "endsAt": time.Now().Add(time.Hour), "createdBy": "e2e", "comment": "quiet",
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/api/v2/silences", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("silence: %v %v", response, err)
	}
	_ = response.Body.Close()
}

// TestTwoHostsPageOnce runs two daemons with the same file, except for the port.
func TestTwoHostsPageOnce(t *testing.T) {
	address, people := startAlertmanager(t)
	api := aisquaretest.New(aisquaretest.Options{})
	target := aisquaretest.Start(api)
	defer target.Close()
	for range 2 {
		listen := "127.0.0.1:" + freePort(t)
		dir := t.TempDir()
		file := filepath.Join(dir, "squarewatch.yaml")
		config := fmt.Sprintf(`
target: %s
catalogue: none
probes: [{name: feed, path: %s, schedule: "@every 1s", credential: partner}]
credentials: {partner: {api_key: "${env:AISQUARE_KEY}"}}
rules: [{name: server-errors, on: [5xx], window: 10s, threshold: 20%%, min_runs: 5}]
notifiers: {team: {alertmanager: {url: %q}, group_wait: 0s}}
listen: %s
state_dir: %s
`, target.URL, feedPath, address, listen, t.TempDir())
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "AISQUARE_KEY="+aisquaretest.DefaultKey)
		start(t, cmd)
		eventually(t, 30*time.Second, "a daemon is ready", func() bool {
			status, _, err := get(t.Context(), "http://"+listen+"/-/ready")
			return err == nil && status == http.StatusOK
		})
		defer func() {
			if sent := scrape(t, listen, "squarewatch_notify_sent_total", map[string]string{"notifier": "team"}); sent < 2 {
				t.Errorf("want two messages of each host, got %v of %s", sent, listen)
			}
		}()
	}
	eventually(t, 30*time.Second, "healthy runs of both", func() bool { return api.Counts(feedPath)[200] >= 12 })
	api.SetFault(feedPath, aisquaretest.Fault{Status: 500, Body: `{"detail": "database is on fire"}`})
	eventually(t, 30*time.Second, "a page", func() bool { return people.String() == "firing server-errors/feed" })
	if all := holds(t, address); len(all) != 1 || !strings.Contains(all[0].Annotations["description"], "database is on fire") {
		t.Errorf("want one alert that repeats the API's words, got %+v", all)
	}
	eventually(t, 30*time.Second, "enough failed runs of both", func() bool { return api.Counts(feedPath)[500] >= 12 })
	api.ClearFaults()
	eventually(t, 60*time.Second, "one page that it is over", func() bool {
		return people.String() == "firing server-errors/feed\nresolved server-errors/feed"
	})
}
