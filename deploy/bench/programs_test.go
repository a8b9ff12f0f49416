//go:build bench

package bench_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// stage is what all turns have in common.
type stage struct {
	testing.TB

	target *target
	binary string
}

// running is a program while its turn lasts.
type running struct {
	processes []*process
	address   string        // of squarewatch's port; empty for others
	ready     time.Duration // how long it took to start
}

func (r running) stop() {
	for _, p := range r.processes {
		p.stop()
	}
}

// start starts a program in a setting.
func (s *stage) start(program string, at setting, arguments ...string) running {
	s.Helper()
	switch program {
	case bare:
		text, err := json.Marshal(bareLoop{at, s.target.url(at), s.target.authority})
		if err != nil {
			s.Fatal(err)
		}
		return running{processes: []*process{start(s, []string{bareVariable + "=" + string(text)}, os.Args[0])}}
	case blackbox:
		return s.startBlackbox(at)
	}
	return s.startSquarewatch(program, at, arguments)
}

// interval is the time between two runs of a probe.
func (s setting) interval() time.Duration { return time.Duration(s.Probes/s.Rate) * time.Second }

// startSquarewatch starts squarewatch with everything on, or without a part. With everything on it sends traces and metrics, keeps the
// history and has the default rules. While probes are compared, metrics go out every 10 s instead of every minute, so that each of the
// longer turns has an export in it.
func (s *stage) startSquarewatch(program string, at setting, arguments []string) running {
	s.Helper()
	address, otlp := freePort(s), fmt.Sprintf("otlp: {endpoint: %q, protocol: http/protobuf}", s.target.plain.URL)
	telemetry, state, rules := otlp, s.TempDir(), ""
	env := []string{"KEY=" + aisquaretest.DefaultKey}
	if at.Probes > 0 {
		env = append(env, "OTEL_METRIC_EXPORT_INTERVAL=10000")
	}
	switch program {
	case fewTraces:
		telemetry = "keep_healthy: 1%, " + otlp
	case noOTLP:
		telemetry = ""
	case noState:
		state = "none"
	case noRules:
		rules = "rules: []\n"
	case defaultGC:
		env = append(env, "GOGC=100")
	case nothing:
		telemetry, state, rules = "", "none", "rules: []\n"
	}
	var file strings.Builder
	fmt.Fprintf(&file, "target: %s\nnetwork: {ca: %s}\nlisten: %s\nstate_dir: %s\ntelemetry: {%s}\n%s",
		s.target.url(at), s.target.authority, address, state, telemetry, rules)
	if at.Probes == 0 {
		fmt.Fprint(&file, "studio: ai-research-studio\ncredentials: {partner: {api_key: '${env:KEY}'}}\n")
	} else {
		fmt.Fprintf(&file, "catalogue: none\nlimits: {concurrency: 512, per_host: 512}\nprobes:\n")
		for i := range at.Probes {
			fmt.Fprintf(&file, "  - {name: p%d, path: /probe/%d}\n", i, i)
		}
		connection := map[bool]string{true: "reuse", false: "fresh"}[at.Reuse]
		fmt.Fprintf(&file, "defaults: {schedule: '@every %v', connection: %s}\n", at.interval(), connection)
	}
	path := write(s, s.TempDir(), "squarewatch.yaml", file.String())
	begin := time.Now()
	p := start(s, env, s.binary, append([]string{"run", "--config", path}, arguments...)...)
	awaitReady(s, "http://"+address+"/-/ready")
	return running{[]*process{p}, address, time.Since(begin)}
}

// startBlackbox starts Debian's prometheus-blackbox-exporter under Debian's prometheus. It opens a connection for each run.
func (s *stage) startBlackbox(at setting) running {
	s.Helper()
	dir, exporter, server := s.TempDir(), freePort(s), freePort(s)
	modules := write(s, dir, "blackbox.yml", fmt.Sprintf("modules: {http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, "+
		"tls_config: {ca_file: %s}}}}\n", s.target.authority))
	var file strings.Builder
	fmt.Fprintf(&file, "global: {scrape_interval: %v, scrape_timeout: 1s}\nscrape_configs:\n- job_name: blackbox\n  metrics_path: /probe\n"+
		"  params: {module: [http_2xx]}\n  relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n"+
		"  - {source_labels: [__param_target], target_label: instance}\n  - {target_label: __address__, replacement: %q}\n"+
		"  static_configs:\n  - targets:\n", at.interval(), exporter)
	for i := range at.Probes {
		fmt.Fprintf(&file, "    - %s/probe/%d\n", s.target.url(at), i)
	}
	config := write(s, dir, "prometheus.yml", file.String())
	begin := time.Now()
	r := running{processes: []*process{
		start(s, nil, "prometheus-blackbox-exporter", "--config.file="+modules, "--web.listen-address="+exporter),
		start(s, nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+server),
	}}
	awaitReady(s, "http://"+server+"/-/ready")
	r.ready = time.Since(begin)
	return r
}
