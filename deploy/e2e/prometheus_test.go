//go:build e2e

package e2e_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// scrapedDaemon is a daemon that a Prometheus scrapes, configured so that it shows every metric.
type scrapedDaemon struct {
	t      *testing.T
	api    *aisquaretest.API
	listen string
	file   string
	cmd    *exec.Cmd
	config func(schedule string) string
}

const slowPath = "/slow/"

func startScraped(t *testing.T) *scrapedDaemon {
	t.Helper()
	d := &scrapedDaemon{t: t, api: aisquaretest.New(aisquaretest.Options{KeepRequests: 1_000_000}), listen: "127.0.0.1:" + freePort(t)}
	d.api.AddUser("ada", "correct horse")
	d.api.SetFault(slowPath, aisquaretest.Fault{Status: 200, Delay: 1500 * time.Millisecond})
	target, _ := aisquaretest.StartTLS(d.api, aisquaretest.TLSOptions{})
	t.Cleanup(target.Close)
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	dir := t.TempDir()
	d.file = filepath.Join(dir, "squarewatch.yaml")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: target.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	dead := freePort(t)
	d.config = func(schedule string) string {
		return fmt.Sprintf(`
target: %s
catalogue: none
credentials:
  partner: {api_key: "${env:AISQUARE_KEY}"}
  member: {login: {path: /api/v1/token/, body: {username: ada, password: "${env:PASSWORD}"}}}
defaults: {schedule: %q, timeout: 5s, credential: partner}
probes:
  - {name: feed, path: %s}
  - {name: collections, path: %s, credential: member}
  - {name: slow, path: %s}
rules:
  - {name: server-errors, on: [5xx], window: 20s, threshold: 18%%, min_runs: 5}
  - {name: unauthenticated, on: [401], per: credential}
notifiers:
  ops: {slack: {webhook_url: %q}, group_wait: 0s}
  gone: {slack: {webhook_url: "http://127.0.0.1:%s/hush"}, group_wait: 0s}
  bot: {slack: {bot_token: %s, app_token: %s, channel: %s, api_url: %q}, group_wait: 0s}
telemetry: {otlp: {endpoint: "http://127.0.0.1:%s"}}
network: {ca: %s}
listen: %s
state_dir: %s
`, target.URL, schedule, feedPath, collectionsPath, slowPath, slack.Webhook(), dead,
			slackstub.BotToken, slackstub.AppToken, slackstub.Name, slack.API(), dead,
			filepath.Join(dir, "ca.pem"), d.listen, filepath.Join(dir, "state"))
	}
	d.write("@every 1s")
	d.cmd = exec.CommandContext(t.Context(), binary(t), "run", "--config", d.file)
	d.cmd.Env = d.environment()
	start(t, d.cmd)
	eventually(t, 30*time.Second, "ready", func() bool {
		status, _, err := get(t.Context(), "http://"+d.listen+"/-/ready")
		return err == nil && status == http.StatusOK
	})
	return d
}

func (d *scrapedDaemon) environment() []string {
	return append(os.Environ(), "AISQUARE_KEY="+aisquaretest.DefaultKey, "PASSWORD=correct horse")
}

func (d *scrapedDaemon) write(schedule string) {
	d.t.Helper()
	if err := os.WriteFile(d.file, []byte(d.config(schedule)), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *scrapedDaemon) reload() {
	d.t.Helper()
	before := scrape(d.t, d.listen, "squarewatch_config_reloads_total", nil)
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, 20*time.Second, "the reload", func() bool {
		return scrape(d.t, d.listen, "squarewatch_config_reloads_total", map[string]string{"outcome": "success"}) > before
	})
}

// incident returns the state of our own rule, and when its incident was declared; zero while it does not fire.
func (d *scrapedDaemon) incident(rule, series string) (state string, fired time.Time) {
	d.t.Helper()
	_, body, err := get(d.t.Context(), "http://"+d.listen+"/api/v1/status")
	var status struct {
		Alerts []struct {
			Rule, Series, State string
			Fired               time.Time
		}
	}
	if err != nil || json.Unmarshal([]byte(body), &status) != nil {
		d.t.Fatalf("status: %v %s", err, body)
	}
	for _, a := range status.Alerts {
		if a.Rule == rule && a.Series == series {
			return a.State, a.Fired
		}
	}
	d.t.Fatalf("no alert %s %s in %s", rule, series, body)
	return "", time.Time{}
}

// TestPrometheusSeesWhatWeSee lets a real Prometheus scrape the daemon and evaluate the rules that squarewatch rules writes.
func TestPrometheusSeesWhatWeSee(t *testing.T) {
	d := startScraped(t)
	rules := filepath.Join(t.TempDir(), "rules.yml")
	write := exec.CommandContext(t.Context(), binary(t), "rules", "--config", d.file, "-o", rules)
	write.Env = d.environment()
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("squarewatch rules: %v\n%s", err, out)
	}
	p := startPrometheus(t, d.listen, rules, "exemplar-storage,native-histograms")
	classic := startPrometheus(t, d.listen, rules, "exemplar-storage")
	eventually(t, 60*time.Second, "healthy runs that fill the window", func() bool { return d.api.Counts(feedPath)[200] >= 25 })
	d.reload()

	d.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
	var ours, theirs time.Time
	eventually(t, 60*time.Second, "both fire", func() bool {
		if state, fired := d.incident("server-errors", "feed"); state == "firing" {
			ours = fired
		}
		theirs = p.firing("server-errors", "feed")
		return !ours.IsZero() && !theirs.IsZero()
	})
	if late := theirs.Sub(ours); late < -everySecond || late > 2*everySecond+500*time.Millisecond {
		t.Errorf("Prometheus fires %v after our engine, want at most a scrape and an evaluation", late)
	} else {
		t.Logf("Prometheus fires %v after our engine", late)
	}
	for server, native := range map[*prometheusServer]int{p: 1, classic: 0} {
		if n := len(server.query(`count(squarewatch_probe_duration_seconds{probe="feed", class="success"})`)); n != native {
			t.Errorf("want %d native histograms, got %d", native, n)
		}
		d.checkDashboard(server)
		d.checkExemplars(server)
	}

	d.api.ClearFault(feedPath)
	eventually(t, 60*time.Second, "our incident is over", func() bool {
		state, _ := d.incident("server-errors", "feed")
		ours = time.Now() // the status is asked twenty times a second
		return state == "inactive"
	})
	eventually(t, 30*time.Second, "it is over at Prometheus", func() bool { return p.firing("server-errors", "feed").IsZero() })
	t.Logf("Prometheus ends it %v after our engine, and asked twenty times a second", time.Since(ours).Round(10*time.Millisecond))

	d.write("0 0 1 1 *")
	d.reload()
	d.checkPrometheusCounts(p)
	d.checkPrometheusCounts(classic)
}

// checkPrometheusCounts compares what Prometheus has scraped with the target's own journal.
func (d *scrapedDaemon) checkPrometheusCounts(p *prometheusServer) {
	t := d.t
	t.Helper()
	paths := map[string]string{"feed": feedPath, "collections": collectionsPath, "slow": slowPath}
	var got, want map[string]float64
	eventually(t, 30*time.Second, "Prometheus counts what the target served", func() bool {
		got, want = map[string]float64{}, map[string]float64{}
		for name, path := range paths {
			for code, n := range d.api.Counts(path) {
				want[name+" "+strconv.Itoa(code)] = float64(n)
			}
		}
		for _, s := range p.query(`sum by (probe, code) (squarewatch_probe_runs_total)`) {
			got[s.Metric["probe"]+" "+s.Metric["code"]] = s.number()
		}
		return fmt.Sprint(got) == fmt.Sprint(want)
	})
	if want["feed 500"] == 0 || want["slow 200"] == 0 {
		t.Errorf("the target served too little for a test: %v", want)
	}
	t.Logf("the target served %v, and Prometheus counts the same", want)
}

// checkExemplars looks for the traces of the requests that the target received.
func (d *scrapedDaemon) checkExemplars(p *prometheusServer) {
	t := d.t
	t.Helper()
	asked := map[string]bool{}
	for _, r := range d.api.Requests() {
		if parts := strings.Split(r.TraceParent, "-"); len(parts) == 4 {
			asked[parts[1]] = true
		}
	}
	var series []struct {
		SeriesLabels map[string]string
		Exemplars    []struct{ Labels map[string]string }
	}
	p.ask("query_exemplars", url.Values{
		"query": {`{__name__=~"squarewatch_probe_duration_seconds.*"}`},
		"start": {strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)},
	}, &series)
	found, failing := 0, 0
	for _, s := range series {
		for _, e := range s.Exemplars {
			if !asked[e.Labels["trace_id"]] {
				t.Errorf("an exemplar names the trace %q, which no request to the target had", e.Labels["trace_id"])
				continue
			}
			found++
			if s.SeriesLabels["class"] == "server_error" {
				failing++
			}
		}
	}
	if found == 0 || failing == 0 {
		t.Errorf("want exemplars of good and bad runs, got %d and %d", found-failing, failing)
	}
	t.Logf("%d exemplars in %d series, %d of them of failed runs; the target was asked with each of their traces", found, len(series), failing)
}

// checkDashboard runs every query of the dashboard.
func (d *scrapedDaemon) checkDashboard(p *prometheusServer) {
	t := d.t
	t.Helper()
	text, err := os.ReadFile("../grafana/squarewatch.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []panel
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "15s", "$instance", ".*", "$probe", ".*")
	queries, links := 0, 0
	for _, panel := range dashboard.Panels {
		for i, target := range panel.Targets {
			queries++
			expr := variables.Replace(target.Expr)
			var shown sample
			eventually(t, 20*time.Second, panel.Title+" has data: "+expr, func() bool {
				all := p.query(expr)
				k := slices.IndexFunc(all, func(s sample) bool { return s.Histogram[1] != nil || s.Value[1] != "NaN" })
				if k >= 0 {
					shown = all[k]
				}
				return k >= 0
			})
			if i == 0 {
				links += d.followLinks(&panel, shown.Metric)
			}
		}
	}
	t.Logf("%d queries of the dashboard return data, and %d links lead to a page", queries, links)
}

// panel is a panel of the dashboard.
type panel struct {
	Title       string
	FieldConfig struct {
		Defaults struct{ Links []struct{ URL string } }
	}
	Targets []struct{ Expr string }
}

// followLinks follows the links of a panel to our pages, with the labels of a series that it shows, and returns how many there are.
func (d *scrapedDaemon) followLinks(shown *panel, labels map[string]string) (followed int) {
	t := d.t
	t.Helper()
	values := []string{"${page}", "http://" + d.listen, "${__value.time}", strconv.FormatInt(time.Now().UnixMilli(), 10)}
	for name, value := range labels {
		values = append(values, "${__field.labels."+name+"}", value, "${__data.fields."+name+"}", value)
	}
	for _, link := range shown.FieldConfig.Defaults.Links {
		if !strings.HasPrefix(link.URL, "${page}/") {
			continue
		}
		followed++
		address := strings.NewReplacer(values...).Replace(link.URL)
		if status, page, err := get(t.Context(), address); err != nil || status != http.StatusOK {
			t.Errorf("%s: want a page at the link %s, got %d, %v\n%s", shown.Title, address, status, err, page)
		}
	}
	return followed
}
