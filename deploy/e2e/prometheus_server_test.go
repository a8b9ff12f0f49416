//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// prometheusServer is a real Prometheus.
type prometheusServer struct {
	t       *testing.T
	address string
}

// everySecond makes it scrape and evaluate rules each second.
const everySecond = time.Second

// startPrometheus runs a Prometheus that scrapes a daemon and evaluates rules.
func startPrometheus(t *testing.T, target, rules, features string) *prometheusServer {
	t.Helper()
	dir, p := t.TempDir(), &prometheusServer{t, "http://127.0.0.1:" + freePort(t)}
	config := fmt.Sprintf("global: {scrape_interval: %v, evaluation_interval: %v}\nrule_files: [%q]\n"+
		"scrape_configs: [{job_name: squarewatch, static_configs: [{targets: [%q]}]}]\n", everySecond, everySecond, rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, exec.CommandContext(t.Context(), "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+strings.TrimPrefix(p.address, "http://"), "--enable-feature="+features))
	eventually(t, 30*time.Second, "Prometheus is ready", func() bool {
		status, _, err := get(t.Context(), p.address+"/-/ready")
		return err == nil && status == http.StatusOK
	})
	return p
}

// ask fills data from a page of the API.
func (p *prometheusServer) ask(page string, query url.Values, data any) {
	p.t.Helper()
	_, body, err := get(p.t.Context(), p.address+"/api/v1/"+page+"?"+query.Encode())
	if err != nil {
		p.t.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("%s %v: %v %s", page, query, err, body)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		p.t.Fatalf("%s %v: %v in %s", page, query, err, body)
	}
}

// sample is an element of a vector. A native histogram has no value.
type sample struct {
	Metric    map[string]string
	Value     [2]any
	Histogram [2]any
}

func (s sample) number() float64 {
	text, _ := s.Value[1].(string)
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

func (p *prometheusServer) query(expr string) []sample {
	p.t.Helper()
	var data struct{ Result []sample }
	p.ask("query", url.Values{"query": {expr}}, &data)
	return data.Result
}

// firing returns since when an alert fires; zero when it does not.
func (p *prometheusServer) firing(name, series string) time.Time {
	p.t.Helper()
	var data struct {
		Alerts []struct {
			Labels   map[string]string
			State    string
			ActiveAt time.Time
		}
	}
	p.ask("alerts", nil, &data)
	for _, a := range data.Alerts {
		if a.State == "firing" && a.Labels["alertname"] == name && a.Labels["series"] == series {
			return a.ActiveAt
		}
	}
	return time.Time{}
}
